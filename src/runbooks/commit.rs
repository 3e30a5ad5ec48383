//! What is to be committed to Git, because a policy wants it there or a tool would revert what is done live: the change
//! as YAML or Terraform, and where it belongs as far as the world tells. No value of a secret stands in it.

use serde::Serialize;

use super::KvPath;
use crate::model::kinds::{self, Application, HelmRelease, Kustomization, Meta};
use crate::model::manager::Manager;
use crate::model::{Inventory, Kind, ObjectRef};

/// A change to commit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Commit {
    /// What it is about.
    pub object: ObjectRef,
    /// Where it belongs, in words.
    pub place: String,
    /// What else is to be known or done, in sentences.
    pub says: Vec<String>,
    /// The change itself.
    pub snippets: Vec<Snippet>,
}

/// A piece of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Snippet {
    /// `yaml` or `terraform`.
    pub language: &'static str,
    /// The piece.
    pub text: String,
}

impl Commit {
    /// All of it as text; what is no part of a file stands behind `#`.
    #[must_use]
    pub fn text(&self) -> String {
        let mut lines = vec![format!("# {}", self.object), format!("# where: {}", self.place)];
        lines.extend(self.says.iter().map(|sentence| format!("# {sentence}")));
        lines.extend(self.snippets.iter().map(|snippet| snippet.text.trim_end().to_owned()));
        lines.join("\n")
    }
}

/// A manifest that holds what changes, and no more.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Manifest<'a, Spec> {
    api_version: String,
    kind: &'a str,
    metadata: Named<'a>,
    spec: Spec,
}

#[derive(Serialize)]
struct Named<'a> {
    name: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    namespace: &'a str,
}

/// What changes in the spec of an object, as YAML.
pub(super) fn manifest(object: &ObjectRef, spec: impl Serialize) -> Snippet {
    let api_version = match kinds::api(object.kind) {
        Some(api) => {
            let version = api.versions.first().copied().unwrap_or("v1");
            if api.group.is_empty() { version.to_owned() } else { format!("{}/{version}", api.group) }
        }
        None => String::new(),
    };
    let metadata = Named { name: object.name.as_str(), namespace: object.namespace.as_str() };
    yaml(&Manifest { api_version, kind: object.kind.as_str(), metadata, spec })
}

/// Anything as YAML.
pub(super) fn yaml(value: &impl Serialize) -> Snippet {
    // What is written here has no shape that YAML lacks; if it had, that is said in place of it.
    let text = serde_saphyr::to_string(value).unwrap_or_else(|fault| format!("# it cannot be written as YAML: {fault}\n"));
    Snippet { language: "yaml", text }
}

/// A path of Vault with one property, as the provider of Vault takes it (5.0 and later). The value is a variable that is
/// neither shown nor kept.
pub(super) fn terraform(path: &KvPath, property: &str) -> Snippet {
    let name = identifier(&path.key);
    let namespace = if path.namespace.is_empty() {
        String::new()
    } else {
        format!("  namespace = {}\n", hcl(path.namespace.as_str().trim_matches('/')))
    };
    let mount = path.mount.as_str().trim_matches('/');
    let text = format!(
        "\
# Import it where the path is there already (terraform import ADDRESS {mount}/data/{key}), so that its value stays.
resource \"vault_kv_secret_v2\" \"{name}\" {{
{namespace}  mount                = {mount_word}
  name                 = {key_word}
  data_json_wo         = jsonencode({{ {property_word} = var.{name} }})
  data_json_wo_version = 1

  lifecycle {{
    ignore_changes = [data_json_wo_version]
  }}
}}

variable \"{name}\" {{
  type      = string
  sensitive = true
  ephemeral = true
}}
",
        key = comment(&path.key),
        mount_word = hcl(mount),
        key_word = hcl(&path.key),
        property_word = hcl(property),
        mount = comment(mount),
    );
    Snippet { language: "terraform", text }
}

/// A word that cannot leave its comment.
fn comment(word: &str) -> String {
    word.chars().filter(|c| !c.is_control()).collect()
}

/// A string of HCL.
fn hcl(word: &str) -> String {
    let mut quoted = String::from("\"");
    let mut rest = word.chars().peekable();
    while let Some(c) = rest.next() {
        match c {
            '"' | '\\' => quoted.extend(['\\', c]),
            '\n' => quoted.push_str("\\n"),
            '$' | '%' if rest.peek() == Some(&'{') => quoted.extend([c, c]),
            c if c.is_control() => {}
            c => quoted.push(c),
        }
    }
    quoted.push('"');
    quoted
}

/// A name of HCL that is made of a path.
fn identifier(path: &str) -> String {
    let name: String = path.chars().map(|c| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '_' }).collect();
    if name.starts_with(|c: char| c.is_ascii_alphabetic()) { name } else { format!("path_{name}") }
}

/// Where the manifest of an object stands, in words.
pub(super) fn place(world: &Inventory, object: &ObjectRef, meta: &Meta) -> String {
    match world.manager_of(object, meta) {
        Some(Manager::Object(owner)) => place_of(world, &owner),
        Some(release @ Manager::Release { .. }) => format!("the values or the templates of the {release}"),
        None => "where its manifest is written; neither a list nor a mark on it says who deploys it".to_owned(),
    }
}

/// Where what this deploys stands, in words.
fn place_of(world: &Inventory, owner: &ObjectRef) -> String {
    let origins: Vec<String> = match owner.kind {
        Kind::Application => {
            world.get::<Application>(owner).into_iter().flat_map(|app| &app.origins).map(ToString::to_string).collect()
        }
        Kind::Kustomization => world.get::<Kustomization>(owner).map(|one| one.origin.to_string()).into_iter().collect(),
        Kind::HelmRelease => world.get::<HelmRelease>(owner).map(|one| one.origin.to_string()).into_iter().collect(),
        _ => Vec::new(),
    };
    let origins: Vec<String> = origins.into_iter().filter(|origin| !origin.is_empty()).collect();
    if origins.is_empty() {
        return format!("what {owner} deploys, as the mark on it says; where that reads it from is not told");
    }
    let values = if owner.kind == Kind::HelmRelease { "the values or the templates of " } else { "" };
    format!("{values}{} ({owner})", origins.join(", or "))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Text;

    #[test]
    fn hostile_names_stay_in_their_words() {
        for (word, written) in [
            ("db", r#""db""#),
            (r#"a"b\c"#, r#""a\"b\\c""#),
            ("${file(\"/etc/passwd\")}", r#""$${file(\"/etc/passwd\")}""#),
            ("%{ if true }", r#""%%{ if true }""#),
            ("$5", r#""$5""#),
            ("a\nb", r#""a\nb""#),
        ] {
            assert_eq!(hcl(word), written);
        }
        assert_eq!(identifier("shop/DB-creds"), "shop_db_creds");
        assert_eq!(identifier("0/a"), "path_0_a");
    }

    #[test]
    fn a_manifest_holds_what_changes_and_quotes_what_yaml_would_take_for_something_else() {
        #[derive(Serialize)]
        struct Spec {
            policy: &'static str,
            words: [&'static str; 5],
            gone: Option<()>,
        }
        let object = ObjectRef::new(Kind::ExternalSecret, "shop", "db");
        let spec = Spec { policy: "CreatedOnce", words: ["yes", "1", "a: b", "- c", "# d"], gone: None };
        let text = manifest(&object, spec).text;
        let head = "apiVersion: external-secrets.io/v1\nkind: ExternalSecret\nmetadata:\n  name: db\n  namespace: shop\nspec:\n  policy: CreatedOnce\n";
        assert!(text.starts_with(head) && text.ends_with("gone: null\n"), "{text}");
        let quoted = |word: &str| text.contains(&format!("- \"{word}\"\n")) || text.contains(&format!("- '{word}'\n"));
        assert!(["yes", "1", "a: b", "- c", "# d"].into_iter().all(quoted), "{text}");
    }

    #[test]
    fn terraform_names_the_path_and_no_value() {
        let object = ObjectRef::new(Kind::VaultPath, "vault:8200", "secret/shop/db");
        let path = KvPath { object, namespace: Text::default(), mount: Text::foreign("secret/"), key: "shop/db".to_owned() };
        let text = terraform(&path, "password").text;
        assert!(text.contains("resource \"vault_kv_secret_v2\" \"shop_db\""), "{text}");
        assert!(text.contains("= jsonencode({ \"password\" = var.shop_db })") && text.contains("= \"secret\""), "{text}");
    }
}
