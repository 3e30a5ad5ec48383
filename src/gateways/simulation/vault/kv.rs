//! The KV mounts: paths with versions, and the shapes of 404 by which a missing path, a deleted or a
//! destroyed version, a wrong mount and a wrong KV version look alike (facts/vault.md, section 2).

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::login::Session;
use super::{Refusal, Server};

/// A KV mount.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Mount {
    /// 1 or 2.
    pub(crate) version: u8,
    pub(crate) paths: BTreeMap<String, Vec<Version>>,
}

/// One version of a path; on KV version 1 there is only one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Version {
    pub(crate) written: Timestamp,
    pub(crate) data: BTreeMap<String, String>,
    pub(crate) deleted: bool,
    pub(crate) destroyed: bool,
}

impl Mount {
    /// Writes a path: a new version on KV version 2.
    pub(crate) fn write(&mut self, path: &str, data: BTreeMap<String, String>, now: Timestamp) {
        let versions = self.paths.entry(path.to_owned()).or_default();
        if self.version == 1 {
            versions.clear();
        }
        versions.push(Version { written: now, data, deleted: false, destroyed: false });
    }

    fn current(&self, path: &str) -> Option<&Version> {
        self.paths.get(path)?.last()
    }
}

impl Server {
    /// Reads a path as External Secrets does. `Ok(None)` is what its client makes of every 404: it drops
    /// bodies without data or warnings, and so cannot tell them apart.
    pub(crate) fn read(
        &self,
        replica: usize,
        session: &Session,
        (mount, version): (&str, &str),
        key: &str,
    ) -> Result<Option<&BTreeMap<String, String>>, Refusal> {
        self.serves(replica)?;
        let full = format!("{mount}/{key}");
        if !session.may_read(&full) {
            return Err(Refusal::new(403, "1 error occurred:\n\t* permission denied\n\n"));
        }
        let asked = if version == "v1" { 1 } else { 2 };
        let found = self.mounts.get(mount).filter(|mount| mount.version == asked).and_then(|mount| mount.current(key));
        Ok(found.filter(|version| !version.deleted && !version.destroyed).map(|version| &version.data))
    }
}

#[cfg(test)]
mod tests {
    use super::super::seal::Replica;
    use super::*;

    #[test]
    fn every_fault_is_the_same_404_to_external_secrets() {
        let mut server = Server::new("vault", "vault", 1);
        server.replicas = vec![Replica::default()];
        server.begin();
        let mut secret = Mount { version: 2, ..Mount::default() };
        for path in ["here", "deleted", "destroyed"] {
            secret.write(path, BTreeMap::from([("value".to_owned(), "x".to_owned())]), Timestamp::UNIX_EPOCH);
        }
        secret.paths.get_mut("deleted").expect("written")[0].deleted = true;
        secret.paths.get_mut("destroyed").expect("written")[0].destroyed = true;
        server.mounts.insert("secret".to_owned(), secret);
        server.mounts.insert("old".to_owned(), Mount { version: 1, ..Mount::default() });
        let session = Session { allows: vec!["*".to_owned()] };

        assert!(server.read(0, &session, ("secret", "v2"), "here").expect("200").is_some());
        for (mount, version, key) in [
            ("secret", "v2", "missing"),
            ("secret", "v2", "deleted"),
            ("secret", "v2", "destroyed"),
            ("nowhere", "v2", "here"),
            ("secret", "v1", "here"),
            ("old", "v2", "here"),
        ] {
            assert_eq!(server.read(0, &session, (mount, version), key), Ok(None), "{mount} {key}");
        }
    }
}
