//! What is to be committed to Git, because a policy wants it there or a tool would revert what is done live: the change
//! as YAML or Terraform, and where it belongs as far as the world tells. No value of a secret stands in it.

use serde::Serialize;

use super::KvPath;
use super::operation::quoted;
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

/// A path of Vault with one property, as the provider of Vault takes it (5.0 and later, with Terraform 1.11: write-only
/// arguments). The value is a variable that is neither shown nor kept.
///
/// `data_json_wo` and `data_json_wo_version` go together: a value is sent when the number is another than before, so nothing
/// may have the number ignored (terraform-provider-vault `website/docs/guides/using_write_only_attributes`; `RequiredWith` in
/// its `resource_generic_secret.go`). A path that is there already is not imported, although `<mount>/data/<name>` could be
/// (`website/docs/r/kv_secret_v2`, “Import”): an import knows neither the number nor `disable_read`, so it reads the value
/// into the state (`kvSecretV2Read`, and what the provider's tests say of a fresh import), and a change without another
/// number then fails (terraform-provider-vault#2588, #2205). Written once more the same value is a new version, and the
/// state holds none.
pub(super) fn terraform(path: &KvPath, property: &str) -> Snippet {
    let name = identifier(&path.key);
    let namespace = if path.namespace.is_empty() {
        String::new()
    } else {
        format!("  namespace = {}\n", hcl(path.namespace.as_str().trim_matches('/')))
    };
    let mount = path.mount.as_str().trim_matches('/');
    let hand_over = comment(&format!("bao kv get -mount={} -field={} {}", quoted(mount), quoted(property), quoted(&path.key)));
    let text = format!(
        "\
# Terraform 1.11 and the vault provider 5.0 or later. It writes the value that you hand over, as a new version; another
# value goes there with another data_json_wo_version. Where the path is there already, hand over what stands there:
#   TF_VAR_{name}=\"$({hand_over})\" terraform apply
# Do not import the path: an import reads its value into the state.
resource \"vault_kv_secret_v2\" \"{name}\" {{
{namespace}  mount                = {mount_word}
  name                 = {key_word}
  data_json_wo         = jsonencode({{ {property_word} = var.{name} }})
  data_json_wo_version = 1
}}

variable \"{name}\" {{
  type      = string
  sensitive = true
  ephemeral = true
}}
",
        mount_word = hcl(mount),
        key_word = hcl(&path.key),
        property_word = hcl(property),
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
        let hand_over = "#   TF_VAR_shop_db=\"$(bao kv get -mount=secret -field=password shop/db)\" terraform apply\n";
        assert!(text.contains(hand_over) && text.contains("# Do not import the path"), "{text}");
        // A number that is ignored would send no other value ever.
        assert!(!text.contains("ignore_changes") && !text.contains("import {"), "{text}");
    }

    #[test]
    fn a_hostile_path_cannot_leave_its_comment() {
        let object = ObjectRef::new(Kind::VaultPath, "vault:8200", "secret/x");
        let key = "x\nresource \"a\" \"b\" {}".to_owned();
        let path = KvPath { object, namespace: Text::default(), mount: Text::foreign("secret"), key };
        let text = terraform(&path, "p\nq").text;
        assert!(text.lines().filter(|line| line.starts_with("resource")).count() == 1, "{text}");
    }
}
