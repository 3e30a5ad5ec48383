//! Logging in at a Vault: at which one, how, and the field in which nobody sees what is typed.

use super::effect::{Ask, Effect};
use super::model::{Model, Overlay};
use super::palette::Palette;
use crate::keymap::Action;
use crate::model::kinds::ExternalSecret;
use crate::model::vault::{Login, StoreLogin};
use crate::model::{Kind, Name, ObjectRef, VaultAddress};

/// The dialog: a token or a password is being typed, unseen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LoginDialog {
    /// Where it will be sent, and nowhere else.
    pub server: VaultAddress,
    /// How.
    pub login: Login,
}

impl Model {
    /// `:login`, `:login USER`, `:login MOUNT/USER`.
    pub(super) fn login(&mut self, palette: &Palette) {
        let typed = palette.field.text().trim().trim_start_matches(':');
        let login = Login::parse(typed.strip_prefix("login").unwrap_or_default());
        match self.vault_at_hand() {
            Ok(server) => self.overlay = Some(Overlay::Login(LoginDialog { server, login })),
            Err(why) => self.say(why),
        }
    }

    /// `L`: logs in as the selected store does, or the one that the selected `ExternalSecret` reads through.
    pub(super) fn login_as_store(&mut self) -> Vec<Effect> {
        match self.store_login() {
            Ok((server, login)) => {
                self.say(format!("Logging in at {server} as {} does …", login.store.short()));
                vec![Effect::Engine(Ask::LogIn { server, login: Login::Store(login) })]
            }
            Err(why) => {
                self.say(why);
                Vec::new()
            }
        }
    }

    fn store_login(&self) -> Result<(VaultAddress, StoreLogin), String> {
        let world = &self.snapshot.world;
        let (store, reader) = self.selected_store();
        let store = store.and_then(|store| world.store(&store));
        let store = store.ok_or_else(|| "Select a store, or an ExternalSecret that reads through one.".to_owned())?;
        let login = StoreLogin::of(store, reader.as_ref())?;
        let server = store.vault.as_ref().map(|vault| vault.address.clone());
        Ok((server.ok_or_else(|| format!("{} reads no Vault.", login.store.short()))?, login))
    }

    /// The selected store, and the namespace of what reads through it.
    fn selected_store(&self) -> (Option<ObjectRef>, Option<Name>) {
        let Some(object) = self.board.object(self) else { return (None, None) };
        match object.kind {
            Kind::SecretStore | Kind::ClusterSecretStore => (Some(object), None),
            Kind::ExternalSecret => {
                let found = self.snapshot.world.all::<ExternalSecret>().get((&object.namespace, &object.name));
                (found.and_then(|es| es.store_ref()), Some(object.namespace))
            }
            _ => (None, None),
        }
    }

    /// The Vault that the selection is about, or the only one there is.
    fn vault_at_hand(&self) -> Result<VaultAddress, String> {
        let world = &self.snapshot.world;
        let of_store = |store: ObjectRef| world.store(&store)?.vault.as_ref().map(|vault| vault.address.clone());
        if let Some(server) = self.selected_store().0.and_then(of_store) {
            return Ok(server);
        }
        if let Some(object) = self.board.object(self) {
            let is_of = |server: &&VaultAddress| match object.kind {
                Kind::Vault => server.subject() == object,
                Kind::VaultReplica => world.vaults.get(*server).is_some_and(|known| known.replicas.contains_key(&object.name)),
                Kind::VaultPath => server.host_port() == object.namespace.as_str(),
                _ => false,
            };
            if let Some(server) = world.vaults.keys().find(is_of) {
                return Ok(server.clone());
            }
        }
        let mut servers = world.vaults.keys();
        match (servers.next(), servers.next()) {
            (Some(only), None) => Ok(only.clone()),
            (None, _) => Err("No store names a Vault, so there is none to log in to.".to_owned()),
            _ => Err("There are several Vaults: select the one to log in to, or a store of it, on the board.".to_owned()),
        }
    }

    /// A key while a token or a password is typed; those that are typed never come here.
    pub(super) fn login_key(&mut self, dialog: LoginDialog, action: Option<Action>) {
        if action == Some(Action::Back) {
            self.say("Wiped, nothing was sent.");
        } else {
            self.overlay = Some(Overlay::Login(dialog));
        }
    }

    /// What was typed is on its way.
    pub(super) fn login_sent(&mut self) {
        if let Some(Overlay::Login(dialog)) = self.overlay.take_if(|overlay| matches!(overlay, Overlay::Login(_))) {
            self.say(format!("Logging in at {} {} …", dialog.server, dialog.login));
        }
    }
}
