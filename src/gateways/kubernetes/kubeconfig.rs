//! Which cluster, as whom: the kubeconfig, read with an eye on what may be wrong with it. Its parser's
//! errors quote the file, which holds keys, so only the place of an error is taken from them.

use std::path::{Path, PathBuf};

use kube::config::{KubeConfigOptions, Kubeconfig, KubeconfigError};

use crate::model::{Fault, FaultKind};

/// A kubeconfig is a few kilobytes; what is a thousand times larger is something else.
const LARGEST: u64 = 16 * 1024 * 1024;

/// A context of a kubeconfig.
#[derive(Debug)]
pub(super) struct Chosen {
    pub(super) config: kube::Config,
    pub(super) context: String,
}

/// What stands for a context in a pod of the cluster.
pub(super) const IN_CLUSTER: &str = "in-cluster";

const SAY_WHICH: &str = "Say --kubeconfig FILE, or set KUBECONFIG.";

/// Reads the files and picks the context.
pub(super) fn choose(file: Option<&Path>, context: Option<&str>) -> Result<Chosen, Fault> {
    let paths = match file {
        Some(file) => vec![file.to_owned()],
        None => std::env::var_os("KUBECONFIG")
            .map(|value| std::env::split_paths(&value).filter(|path| !path.as_os_str().is_empty()).collect::<Vec<_>>())
            .unwrap_or_default(),
    };
    if !paths.is_empty() {
        return pick(read(&paths)?, &paths, context);
    }
    match default_path() {
        Some(path) if path.exists() => {
            let paths = [path];
            pick(read(&paths)?, &paths, context)
        }
        default => in_cluster(default.as_deref()),
    }
}

fn default_path() -> Option<PathBuf> {
    etcetera::home_dir().ok().map(|home| home.join(".kube").join("config"))
}

fn in_cluster(default: Option<&Path>) -> Result<Chosen, Fault> {
    if let Ok(config) = kube::Config::incluster_env() {
        return Ok(Chosen { config, context: IN_CLUSTER.to_owned() });
    }
    let path = default.map_or_else(|| "~/.kube/config".to_owned(), |path| path.display().to_string());
    Err(local(&format!("No kubeconfig: {path} does not exist, and this is not a pod of a cluster.")).hinted(SAY_WHICH))
}

/// Reads and merges the files. As for kubectl, files of a list may be missing, as long as one is there.
fn read(paths: &[PathBuf]) -> Result<Kubeconfig, Fault> {
    let mut merged = None::<Kubeconfig>;
    for path in paths {
        let metadata = match std::fs::metadata(path) {
            Ok(metadata) => metadata,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound && paths.len() > 1 => continue,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                return Err(local(&format!("The kubeconfig {} does not exist.", path.display())).hinted(SAY_WHICH));
            }
            Err(error) => return Err(unreadable(path, &error)),
        };
        if !metadata.is_file() {
            return Err(local(&format!("The kubeconfig {} is not a plain file.", path.display())).hinted(SAY_WHICH));
        }
        if metadata.len() > LARGEST {
            return Err(local(&format!("The kubeconfig {} is too large to be one.", path.display())).hinted(SAY_WHICH));
        }
        let next = Kubeconfig::read_from(path).map_err(|error| malformed(path, &error))?;
        merged = Some(match merged {
            None => next,
            Some(merged) => merged.merge(next).map_err(|error| malformed(path, &error))?,
        });
    }
    merged.ok_or_else(|| local(&format!("None of the kubeconfig files exists: {}.", list(paths))).hinted(SAY_WHICH))
}

fn unreadable(path: &Path, error: &std::io::Error) -> Fault {
    local(&format!("The kubeconfig {} cannot be read: {}.", path.display(), error.kind())).hinted("Check whose file it is.")
}

fn malformed(path: &Path, error: &KubeconfigError) -> Fault {
    let path = path.display();
    match error {
        KubeconfigError::ReadConfig(error, _) => local(&format!("The kubeconfig {path} cannot be read: {}.", error.kind())),
        KubeconfigError::Parse(error) => {
            let place =
                error.location().map_or_else(String::new, |place| format!(" (line {}, column {})", place.line(), place.column()));
            local(&format!("The kubeconfig {path} is not a kubeconfig: its YAML cannot be read{place}."))
        }
        _ => local(&format!("The kubeconfig {path} does not fit the others: its kind or apiVersion differs.")),
    }
}

fn pick(kubeconfig: Kubeconfig, paths: &[PathBuf], context: Option<&str>) -> Result<Chosen, Fault> {
    let files = list(paths);
    if kubeconfig.contexts.is_empty() {
        return Err(local(&format!("The kubeconfig {files} is empty: it names no context.")).hinted(SAY_WHICH));
    }
    let known = known_contexts(&kubeconfig);
    let Some(name) = context.map(str::to_owned).or_else(|| kubeconfig.current_context.clone()).filter(|name| !name.is_empty())
    else {
        return Err(
            local(&format!("The kubeconfig {files} has no current context. It knows: {known}.")).hinted("Say --context NAME.")
        );
    };
    let Some(chosen) = kubeconfig.contexts.iter().find(|named| named.name == name).and_then(|named| named.context.clone()) else {
        return Err(local(&format!("The kubeconfig {files} has no context “{name}”. It knows: {known}."))
            .hinted("Say --context NAME with one of these."));
    };
    if !kubeconfig.clusters.iter().any(|named| named.name == chosen.cluster) {
        return Err(local(&format!(
            "The context “{name}” names the cluster “{}”, which the kubeconfig does not have.",
            chosen.cluster
        )));
    }
    if let Some(user) = chosen.user.as_ref().filter(|user| !user.is_empty())
        && !kubeconfig.auth_infos.iter().any(|named| named.name == *user)
    {
        return Err(local(&format!("The context “{name}” names the user “{user}”, which the kubeconfig does not have.")));
    }
    let options = KubeConfigOptions { context: Some(name.clone()), cluster: None, user: None };
    // This is only async in name: it reads files.
    let config = futures::executor::block_on(kube::Config::from_custom_kubeconfig(kubeconfig, &options))
        .map_err(|error| incomplete(&name, &error))?;
    if config.auth_info.auth_provider.is_some() {
        return Err(local(&format!("The user of context “{name}” logs in by “auth-provider”, which Kubernetes has removed."))
            .hinted("Use the exec plug-in of your provider in the kubeconfig."));
    }
    Ok(Chosen { config, context: name })
}

fn incomplete(context: &str, error: &KubeconfigError) -> Fault {
    let what = match error {
        KubeconfigError::MissingClusterUrl => "its cluster has no server".to_owned(),
        KubeconfigError::ParseClusterUrl(_) => "the server of its cluster is not a URL".to_owned(),
        KubeconfigError::ParseProxyUrl(_) => "the proxy is not a URL".to_owned(),
        KubeconfigError::LoadCertificateAuthority(_) | KubeconfigError::ParseCertificates(_) => {
            "the certificate-authority of its cluster cannot be read".to_owned()
        }
        KubeconfigError::LoadClientCertificate(_) => "the client-certificate of its user cannot be read".to_owned(),
        KubeconfigError::LoadClientKey(_) => "the client-key of its user cannot be read".to_owned(),
        _ => "it is incomplete".to_owned(),
    };
    local(&format!("The context “{context}” cannot be used: {what}."))
}

fn known_contexts(kubeconfig: &Kubeconfig) -> String {
    const SHOWN: usize = 20;
    let mut names: Vec<&str> = kubeconfig.contexts.iter().map(|named| named.name.as_str()).collect();
    names.sort_unstable();
    let more = names.len().saturating_sub(SHOWN);
    names.truncate(SHOWN);
    let shown = names.join(", ");
    if more == 0 { shown } else { format!("{shown} and {more} more") }
}

fn list(paths: &[PathBuf]) -> String {
    paths.iter().map(|path| path.display().to_string()).collect::<Vec<_>>().join(", ")
}

fn local(message: &str) -> Fault {
    Fault::new(FaultKind::Local, message)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gateways::testing::Folder;

    const GOOD: &str = "apiVersion: v1\nkind: Config\ncurrent-context: lab\nclusters:\n- name: c\n  cluster: {server: 'https://127.0.0.1:6443'}\nusers:\n- name: u\n  user: {token: hunter2}\ncontexts:\n- name: lab\n  context: {cluster: c, user: u}\n- name: other\n  context: {cluster: gone, user: u}\n";

    fn said(files: &[(&str, &str)], context: Option<&str>) -> String {
        let folder = Folder::new();
        let paths: Vec<PathBuf> = files
            .iter()
            .map(|(name, text)| {
                let path = folder.path().join(name);
                if *text != "-" {
                    std::fs::write(&path, text).unwrap();
                }
                path
            })
            .collect();
        match read(&paths).and_then(|kubeconfig| pick(kubeconfig, &paths, context)) {
            Ok(chosen) => format!("{} {}", chosen.context, chosen.config.cluster_url),
            Err(fault) => fault.to_string().replace(&folder.path().display().to_string(), ""),
        }
    }

    #[test]
    fn what_is_wrong_with_a_kubeconfig_is_said_in_a_sentence() {
        assert_eq!(said(&[("a", GOOD)], None), "lab https://127.0.0.1:6443/");
        assert_eq!(said(&[("missing", "-"), ("a", GOOD)], Some("lab")), "lab https://127.0.0.1:6443/");
        for (files, context, sentence) in [
            (vec![("a", "-")], None, "does not exist."),
            (vec![("a", "-"), ("b", "-")], None, "None of the kubeconfig files exists"),
            (vec![("a", "")], None, "is empty: it names no context"),
            (vec![("a", "clusters: [\n  - hunter2: {")], None, "its YAML cannot be read (line"),
            (vec![("a", GOOD)], Some("prod"), "has no context “prod”. It knows: lab, other."),
            (vec![("a", GOOD)], Some("other"), "names the cluster “gone”, which the kubeconfig does not have"),
            (vec![("a", "contexts:\n- name: x\n  context: {cluster: c}\n")], None, "has no current context. It knows: x."),
        ] {
            let said = said(&files, context);
            assert!(said.contains(sentence), "{said}");
            assert!(!said.contains("hunter2"), "{said}");
        }
    }

    #[test]
    fn a_fifo_is_not_read_for_ever() {
        let folder = Folder::new();
        let fault = read(&[folder.path().to_owned()]).unwrap_err();
        assert!(fault.message.as_str().contains("not a plain file"), "{fault}");
    }
}
