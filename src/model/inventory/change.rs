//! What can change outside, as the inventory takes it in.

use std::sync::Arc;

use jiff::Timestamp;

use crate::model::controller::Controller;
use crate::model::fault::Fault;
use crate::model::kinds::Object;
use crate::model::object::{Kind, Name, ObjectRef};
use crate::model::source::{Part, Unreadable};
use crate::model::text::Text;
use crate::model::vault::{
    LoginChecks, MountState, NamespaceSeal, PathFacts, Properties, ReplicaHealth, ReplicaRole, Seal, Surroundings, Token, Told,
    VaultAddress,
};

/// One thing that changed outside.
#[derive(Clone, Debug)]
pub enum Change {
    /// An object appeared or changed.
    Applied(Object),
    /// An object is gone.
    Deleted(ObjectRef),
    /// A piece of the first list of a part: these exist, and more are coming.
    Listing(Part, Vec<Object>),
    /// The pieces that came are all there is.
    Complete(Part),
    /// A whole list, the first of a part or one after a gap: exactly these exist, and these which could not be
    /// read.
    Listed(Part, Vec<Object>, Vec<Unreadable>),
    /// An object appeared or changed, and could not be read.
    Odd(Unreadable),
    /// The server was heard of about a part, with nothing new.
    Heard(Part),
    /// A part cannot be read now.
    Lost(Part, Fault),
    /// The cluster does not serve a kind, or no longer.
    Absent(Part, Fault),
    /// A kind is read in these namespaces from now on, as the person wished or because no more may be read.
    Narrowed(Kind, Vec<Name>, Option<Fault>),
    /// The replicas of a Vault, by pod name and start time, or why they cannot be listed.
    Replicas(VaultAddress, Result<Vec<(Name, Option<Timestamp>)>, Fault>),
    /// What one replica answered.
    Answered(VaultAddress, Name, Result<(Seal, ReplicaRole), Fault>),
    /// What one replica says of its health; nothing if it did not say.
    Health(VaultAddress, Name, ReplicaHealth),
    /// What a Vault tells of its cluster, or why it cannot be asked.
    Around(VaultAddress, Result<Surroundings, Fault>),
    /// What a Vault says of the seal of one of its namespaces.
    Space(VaultAddress, Text, NamespaceSeal),
    /// What a Vault says of a mount, by `mount` or `namespace/mount`.
    Mount(VaultAddress, Text, MountState),
    /// What a Vault says of paths, by their full path.
    Paths(VaultAddress, Vec<(Text, PathFacts)>),
    /// The names of the properties of paths, by their full path.
    Properties(VaultAddress, Vec<(Text, Properties)>),
    /// What stands in a folder, by `mount/folder` or `namespace/mount/folder`.
    Folder(VaultAddress, Text, Told<Arc<[Text]>>),
    /// Whose token reads the paths of a Vault.
    Token(VaultAddress, Option<Token>),
    /// Why the paths of a Vault cannot be read.
    Unreadable(VaultAddress, Option<Fault>),
    /// How a login of a store stands that fails, by store and service account.
    Login(VaultAddress, (ObjectRef, ObjectRef), Arc<LoginChecks>),
    /// What a pod of a failed run said last.
    Log(ObjectRef, Vec<Text>),
    /// Which kinds are served in a group and version, if that could be asked; nothing where that version is not served.
    Served(Text, Result<Option<Vec<Text>>, Fault>),
    /// The controller was read.
    Controller(Option<Controller>),
}
