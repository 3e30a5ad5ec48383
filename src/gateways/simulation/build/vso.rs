//! What the Vault Secrets Operator finds, where a scenario has something for it.

use super::{Builder, create};
use crate::gateways::simulation::object::{Body, Meta};
use crate::gateways::simulation::scenario::{AuthEntry, ConnectionEntry, KeptEntry, Scenario, Span};
use crate::gateways::simulation::vso::{Auth, Connection, Kept};
use crate::model::kinds::go_duration;
use crate::model::{Kind, ObjectRef, VaultAddress};

impl Builder<'_> {
    pub(super) fn vso(&mut self, scenario: &Scenario) -> Result<(), String> {
        for lease in &scenario.lease {
            let server = self.server(&lease.vault)?;
            self.world.servers[server].leases.insert(lease.path.clone(), lease.lasts.0);
        }
        for ConnectionEntry { namespace, name, address, after } in &scenario.vault_connection {
            VaultAddress::parse(address).ok_or_else(|| format!("“{address}” is not a URL"))?;
            let body = Body::Connection(Connection { url: address.clone() });
            self.keep(Kind::VaultConnection, namespace, name, *after, body);
        }
        for AuthEntry { namespace, name, connection, auth, role, account, after } in &scenario.vault_auth {
            let (connection, mount) = (connection.clone(), auth.clone());
            let body = Body::Auth(Auth { connection, mount, role: role.clone(), account: account.clone() });
            self.keep(Kind::VaultAuth, namespace, name, *after, body);
        }
        for (kind, entries) in
            [(Kind::VaultStaticSecret, &scenario.vault_static_secret), (Kind::VaultDynamicSecret, &scenario.vault_dynamic_secret)]
        {
            for entry in entries {
                let body = Body::Kept(kept(entry)?);
                self.keep(kind, &entry.namespace, &entry.name, entry.after, body);
            }
        }
        Ok(())
    }

    fn keep(&mut self, kind: Kind, namespace: &str, name: &str, after: Span, body: Body) {
        self.world.vso.installed = true;
        self.at(after, create(ObjectRef::new(kind, namespace, name), Meta::default(), body));
    }
}

fn kept(entry: &KeptEntry) -> Result<Kept, String> {
    let target = |text: &String| {
        let (kind, name) = text.split_once('/').ok_or_else(|| format!("“{text}” is not Kind/name"))?;
        Ok::<_, String>((Kind::parse(kind).ok_or_else(|| format!("“{kind}” is not a kind"))?, name.to_owned()))
    };
    let refresh_after = entry.refresh_after.as_ref().map(|text| {
        let seconds = go_duration(text).and_then(|seconds| u64::try_from(seconds).ok());
        seconds.map(|seconds| (text.clone(), seconds)).ok_or_else(|| format!("“{text}” is not an interval"))
    });
    Ok(Kept {
        auth: entry.auth.clone(),
        mount: entry.mount.clone(),
        path: entry.path.clone(),
        destination: entry.destination.clone().unwrap_or_else(|| entry.name.clone()),
        restarts: entry.restarts.iter().map(target).collect::<Result<_, _>>()?,
        refresh_after: refresh_after.transpose()?,
        ..Kept::default()
    })
}
