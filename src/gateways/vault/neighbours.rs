//! What stands in a folder of a KV mount: names, from one LIST. Asked for the folder of a path that somebody looks at.

use std::sync::Arc;

use super::api::{Api, Question};
use super::classify::dead;
use super::wire::{Heard, Keys};
use crate::model::vault::Told;
use crate::model::{Fault, Name, Text};
use crate::ports::MountFolder;

/// More names than this of one folder are not kept; OpenBao is asked for no more, HashiCorp's Vault sends all.
const MOST: usize = 1000;

/// Asks for the names in a folder, folders with a slash at their end; see [`crate::ports::Vault::folder`].
pub(in crate::gateways) async fn folder(api: &dyn Api, said: &Name, at: &MountFolder) -> Result<Told<Arc<[Text]>>, Fault> {
    let mount = at.mount.as_str().trim_matches('/');
    let view = if at.kv.as_str() == "v1" { "" } else { "metadata/" };
    let folder = at.folder.trim_matches('/');
    let slash = if folder.is_empty() { "" } else { "/" };
    let question = Question::list(at.namespace.as_str(), format!("{mount}/{view}{folder}{slash}")).page(MOST, "");
    let Some(answer) = api.ask(&question).await? else { return Ok(Told::NotAsked) };
    Ok(match answer.heard::<Keys>(said) {
        Ok(Heard::Said(list)) => Told::Said(list.keys.iter().take(MOST).map(|key| Text::foreign(key)).collect()),
        // An empty folder is none.
        Ok(Heard::Nothing) => Told::Said(Arc::default()),
        Ok(Heard::NoMount | Heard::NoSuchEndpoint) => Told::Absent,
        Ok(Heard::Denied) => Told::Denied,
        Ok(Heard::TokenOrDenied) => match api.ask(&Question::get("", "auth/token/lookup-self")).await? {
            Some(answer) if answer.status == 403 => return Err(dead()),
            _ => Told::Denied,
        },
        Err(fault) if fault.concerns_all() => return Err(fault),
        Err(fault) => Told::Failed(fault),
    })
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use async_trait::async_trait;

    use super::*;
    use crate::gateways::vault::client::Answer;

    struct Says(u16, &'static str, Mutex<Vec<String>>);

    #[async_trait]
    impl Api for Says {
        async fn ask(&self, question: &Question) -> Result<Option<Answer>, Fault> {
            self.2.lock().unwrap().push(question.to_string());
            Ok(Some(Answer::of(self.0, self.1.as_bytes().to_vec())))
        }
    }

    async fn says(kv: &str, folder: &str, status: u16, body: &'static str) -> (Result<Told<Arc<[Text]>>, Fault>, String) {
        let at = MountFolder {
            namespace: Text::default(),
            mount: Text::foreign("secret"),
            kv: Name::new(kv),
            folder: folder.to_owned(),
        };
        let api = Says(status, body, Mutex::default());
        let told = super::folder(&api, &Name::new("vault-0"), &at).await;
        (told, api.2.into_inner().unwrap().remove(0))
    }

    #[tokio::test]
    async fn names_come_from_one_list_of_either_version() {
        for (kv, folder, asked) in [
            ("v2", "payments", "LIST secret/metadata/payments/"),
            ("v2", "", "LIST secret/metadata/"),
            ("v1", "a/b", "LIST secret/a/b/"),
        ] {
            let (told, question) = says(kv, folder, 200, r#"{"data":{"keys":["db","sub/"]}}"#).await;
            assert_eq!(question, asked);
            assert_eq!(told.unwrap().said().map(|names| names.len()), Some(2));
        }
        assert_eq!(says("v2", "x", 404, r#"{"errors":[]}"#).await.0.unwrap(), Told::Said(Arc::default()));
        let denied = r#"{"errors":["1 error occurred:\n\t* permission denied\n\n"]}"#;
        assert_eq!(says("v2", "x", 403, denied).await.0.unwrap(), Told::Denied);
        assert!(says("v2", "x", 403, r#"{"errors":["permission denied"]}"#).await.0.is_err(), "the token is dead");
    }
}
