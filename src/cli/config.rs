//! Reads `config.toml`, and finds the policy of a context in it.

use std::fs;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use etcetera::BaseStrategy as _;

use super::Failure;
use crate::engine::Policy;
use crate::engine::config::{Config, ContextConfig, PolicyName, glob};
use crate::gateways::vault::TokenSecret;
use crate::model::{Kind, Name, ObjectRef};
use crate::ports::Identity;

/// A configuration is a few lines; a larger file is something else.
const LARGEST: u64 = 1 << 20;

/// Where configuration is looked for, if there is a home.
pub(super) fn folder() -> Option<PathBuf> {
    etcetera::choose_base_strategy().ok().map(|dirs| dirs.config_dir().join("sealwatch"))
}

/// The configuration from this file, or from the usual place; nothing there means defaults.
pub(super) fn read(given: Option<&Path>) -> Result<Config, Failure> {
    let usual = folder().map(|folder| folder.join("config.toml"));
    let Some(path) = given.map(Path::to_path_buf).or_else(|| usual.filter(|path| path.exists())) else {
        return Ok(Config::default());
    };
    let shown = path.display();
    let unreadable = |why: String| Failure::usage(format!("The configuration {shown} cannot be read: {why}."), "");
    let meta = fs::metadata(&path).map_err(|error| unreadable(error.to_string()))?;
    if !meta.is_file() || meta.len() > LARGEST {
        return Err(unreadable("it is not a file of at most 1 MiB".to_owned()));
    }
    let mut text = String::new();
    fs::File::open(&path)
        .and_then(|file| file.take(LARGEST).read_to_string(&mut text))
        .map_err(|error| unreadable(error.to_string()))?;
    let config = toml::from_str::<Config>(&text).map_err(|error| {
        let at = error.span().map_or_else(String::new, |span| {
            let before = text.get(..span.start).unwrap_or_default();
            let line = before.matches('\n').count() + 1;
            let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
            format!(" at line {line}, column {column}")
        });
        Failure::usage(
            format!("The configuration {shown} is wrong{at}: {}.", error.message()),
            "`sealwatch info` says which file is used.",
        )
    })?;
    let nameless =
        |context: &ContextConfig| context.context.is_none() && context.server.is_none() && context.cluster_uid.is_none();
    if let Some(at) = config.context.iter().position(nameless) {
        let message =
            format!("The configuration {shown} is wrong: [[context]] number {} says for no cluster that it is meant.", at + 1);
        return Err(Failure::usage(message, "Give it context, server or cluster_uid."));
    }
    if let Some(at) =
        config.context.iter().position(|context| context.token_from_secret.is_some() && token_secret(context).is_none())
    {
        let message =
            format!("The configuration {shown} is wrong: token_from_secret of [[context]] number {} cannot be used.", at + 1);
        return Err(Failure::usage(message, "It is NAMESPACE/NAME/KEY, and needs policy = \"local\"."));
    }
    Ok(config)
}

/// The Secret with a Vault token that a context names. Elsewhere than on a person's own machine it is a person who
/// gives one.
fn token_secret(context: &ContextConfig) -> Option<TokenSecret> {
    let place = context.token_from_secret.as_deref().filter(|_| context.policy == Some(PolicyName::Local))?;
    let parts: Vec<&str> = place.split('/').collect();
    let [namespace, name, key] = parts.as_slice() else { return None };
    let whole = parts.iter().all(|part| !part.is_empty());
    whole.then(|| TokenSecret { secret: ObjectRef::new(Kind::Secret, *namespace, *name), key: Name::new(key) })
}

/// The same for this context, as far as its policy may be known.
pub(super) fn token_secret_for(config: &Config, identity: &Identity) -> Option<TokenSecret> {
    let (policy, _) = policy(config, identity);
    let found = config.context.iter().find(|context| matches(context, identity))?;
    token_secret(found).filter(|_| policy.name == PolicyName::Local)
}

/// The policy of this context: the first `[[context]]` that matches.
pub(super) fn policy(config: &Config, identity: &Identity) -> (Policy, bool) {
    // Which cluster this is cannot be told while it does not say its uid: then a rule that names one might be
    // meant, and none of those after it may open what it closes.
    let unsure = |context: &&ContextConfig| context.cluster_uid.is_some() && identity.cluster_uid.is_empty();
    if config.context.iter().take_while(|context| !matches(context, identity)).any(|context| unsure(&context)) {
        return (Policy { name: PolicyName::Observe, configured: true, ..Policy::default() }, false);
    }
    let Some(found) = config.context.iter().find(|context| matches(context, identity)) else { return (Policy::default(), false) };
    let policy = Policy {
        name: found.policy.unwrap_or(PolicyName::BreakGlass),
        configured: true,
        production: found.production,
        unseal: found.unseal,
        shares_secret: found
            .shares_from_secret
            .as_deref()
            .and_then(|place| place.split_once('/'))
            .map(|(namespace, name)| ObjectRef::new(Kind::Secret, namespace, name)),
    };
    (policy, found.write && found.policy == Some(PolicyName::Local))
}

/// Every field that is given must match, and at least one must be given.
fn matches(context: &ContextConfig, identity: &Identity) -> bool {
    let fields = [
        context.context.as_deref().map(|pattern| glob(pattern, identity.context.as_str())),
        context.server.as_deref().map(|pattern| glob(pattern, identity.server.as_str())),
        context.cluster_uid.as_deref().map(|uid| uid == identity.cluster_uid.as_str()),
    ];
    fields.iter().any(Option::is_some) && fields.iter().flatten().all(|matches| *matches)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Text;

    fn identity(context: &str) -> Identity {
        Identity { context: Text::foreign(context), server: Text::foreign("https://10.0.0.1:6443"), ..Identity::default() }
    }

    #[test]
    fn the_first_context_that_matches_decides() {
        let config: Config = toml::from_str(
            r#"
            [[context]]
            context = "kind-*"
            policy = "local"
            write = true
            shares_from_secret = "vault/keys"
            [[context]]
            context = "prod-*"
            policy = "break-glass"
            production = true
            [[context]]
            server = "https://10.*"
            policy = "observe"
            "#,
        )
        .expect("a configuration");
        let (local, write) = policy(&config, &identity("kind-dev"));
        assert_eq!((local.name, write), (PolicyName::Local, true));
        let (prod, write) = policy(&config, &identity("prod-weu"));
        assert_eq!((prod.name, prod.production, write), (PolicyName::BreakGlass, true, false));
        assert_eq!(local.shares_secret.map(|secret| secret.to_string()).as_deref(), Some("Secret/vault/keys"));
        assert_eq!(policy(&config, &identity("other")).0.name, PolicyName::Observe);
        let named: Config = toml::from_str(
            "[[context]]\ncluster_uid = \"abc\"\npolicy = \"observe\"\n[[context]]\ncontext = \"*\"\npolicy = \"local\"\n",
        )
        .expect("a configuration");
        assert_eq!(
            policy(&named, &identity("any")).0.name,
            PolicyName::Observe,
            "a cluster that does not say its uid may be the one"
        );
        let known = Identity { cluster_uid: Text::foreign("def"), ..identity("any") };
        assert_eq!(policy(&named, &known).0.name, PolicyName::Local);
        let (none, write) = policy(&Config::default(), &identity("other"));
        assert!(!none.configured && !write);
    }

    #[test]
    fn a_token_comes_out_of_a_secret_on_a_persons_own_machine_only() {
        let of = |policy: &str, place: &str, context: &str| {
            let text = format!("[[context]]\ncontext = \"kind-*\"\npolicy = \"{policy}\"\ntoken_from_secret = \"{place}\"\n");
            let config: Config = toml::from_str(&text).expect("a configuration");
            token_secret_for(&config, &identity(context)).map(|named| format!("{} {}", named.secret, named.key))
        };
        assert_eq!(of("local", "vault/keys/root", "kind-dev").as_deref(), Some("Secret/vault/keys root"));
        for (policy, place, context) in [
            ("break-glass", "vault/keys/root", "kind-dev"),
            ("local", "vault/keys", "kind-dev"),
            ("local", "vault//root", "kind-dev"),
            ("local", "vault/keys/root", "prod"),
        ] {
            assert_eq!(of(policy, place, context), None, "{policy} {place} {context}");
        }
    }

    #[test]
    fn unknown_keys_are_refused_with_line_and_column() {
        let path = std::env::temp_dir().join(format!("sealwatch-config-{}.toml", std::process::id()));
        fs::write(&path, "theme = \"night\"\n\n[[context]]\ncontext = \"x\"\npolcy = \"local\"\n").expect("written");
        let failure = read(Some(&path)).expect_err("an unknown key");
        fs::remove_file(&path).expect("removed");
        assert!(failure.message.contains("line 5, column 1") && failure.message.contains("polcy"), "{failure}");
    }
}
