//! Who reads the simulated Vault from the console: root, until a person logs in as somebody else.

use jiff::{SignedDuration, Timestamp};

use super::{Refusal, Server};
use crate::model::Text;
use crate::model::vault::{Login, Token, TokenSource};
use crate::ports::Typed;

/// How long a login lives.
const HOUR: SignedDuration = SignedDuration::from_secs(3600);

/// Somebody who logged in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in super::super) struct Visitor {
    pub(in super::super) token: Token,
    /// What the policies allow to read: `mount/path`, with `*` at the end for everything below.
    allows: Vec<String>,
}

impl Visitor {
    /// Whether the value or the metadata at a path of the API, such as `secret/data/shop/db`, may be read.
    pub(super) fn may_read(&self, path: &str) -> bool {
        let plain = path.replacen("/data/", "/", 1).replacen("/metadata/", "/", 1);
        self.allows.iter().any(|allowed| match allowed.strip_suffix('*') {
            Some(begin) => plain.starts_with(begin),
            None => plain == *allowed,
        })
    }
}

impl Server {
    /// Lets somebody in, whose token it is from then on.
    pub(in super::super) fn let_in(
        &mut self,
        replica: usize,
        login: &Login,
        typed: Option<&Typed>,
        now: Timestamp,
    ) -> Result<Token, Refusal> {
        let visitor = match login {
            Login::Token => {
                self.lookup(replica, typed.map_or("", Typed::reveal))?;
                None
            }
            Login::User { .. } => {
                self.serves(replica)?;
                return Err(Refusal::new(400, "invalid username or password"));
            }
            Login::Store(store) => {
                let account = (store.account.namespace.as_str(), store.account.name.as_str());
                let session = self.login(replica, store.mount.as_str(), store.role.as_str(), account)?;
                let token = Token {
                    name: Text::foreign(&format!("{}-{}-{}", store.mount, account.0, account.1)),
                    policies: vec![Text::foreign("default"), store.role.clone()],
                    expires: now.checked_add(HOUR).ok(),
                    renewable: true,
                    from: TokenSource::Store(store.store.clone()),
                };
                Some(Visitor { token, allows: session.allows })
            }
        };
        self.visitor = visitor;
        Ok(self.visitor.as_ref().map_or_else(root, |visitor| visitor.token.clone()))
    }
}

impl Server {
    /// Where the token comes from that reads it.
    pub(in super::super) fn visited_by(&self) -> TokenSource {
        self.visitor.as_ref().map_or_else(TokenSource::default, |visitor| visitor.token.from.clone())
    }

    /// Root reads again.
    pub(in super::super) fn let_out(&mut self) {
        self.visitor = None;
    }
}

/// The token that a simulation begins with, as one that was typed.
fn root() -> Token {
    Token { name: Text::foreign("root"), policies: vec![Text::foreign("root")], from: TokenSource::Typed, ..Token::default() }
}
