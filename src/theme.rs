//! Colours by meaning: a screen asks for [`Role::Failing`], never for red. Themes are TOML files; two are built
//! in, a person's own stand in the configuration folder. A leaf: it imports nothing of ours.

pub mod depth;
pub mod glyphs;
mod load;

use std::path::Path;

use ratatui::style::{Color, Modifier, Style};

pub use depth::Depth;
pub use load::ThemeError;

macro_rules! roles {
    ($($(#[$doc:meta])* $role:ident = $name:literal),* $(,)?) => {
        /// What a piece of the screen means.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum Role { $($(#[$doc])* $role),* }

        impl Role {
            /// Every role.
            pub const ALL: &[Self] = &[$(Self::$role),*];

            /// Its name in a theme's file.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $(Self::$role => $name),* }
            }

            /// The role with this name.
            #[must_use]
            pub fn parse(name: &str) -> Option<Self> {
                match name { $($name => Some(Self::$role),)* _ => None }
            }
        }
    };
}

roles! {
    /// What is read. Its background is that of the whole screen.
    Text = "text",
    /// What explains and may be skipped.
    Muted = "muted",
    /// What names a part of the screen.
    Title = "title",
    /// Lines between parts.
    Border = "border",
    /// The line of the part that has the focus.
    Focus = "focus",
    /// The row that keys work on.
    Selection = "selection",
    /// Rows linked to it.
    Linked = "linked",
    /// Broken now.
    Failing = "failing",
    /// Will break, or needs a look.
    Warning = "warning",
    /// Not known.
    Unknown = "unknown",
    /// It works.
    Healthy = "healthy",
    /// Something moves: a step that runs.
    Active = "active",
    /// A key that can be pressed.
    Key = "key",
    /// A command that can be copied.
    Code = "code",
    /// The first line.
    Header = "header",
    /// The first line of a production context.
    Production = "production",
    /// What asks the person for a decision.
    Prompt = "prompt",
    /// What is typed.
    Input = "input",
}

/// A theme, ready to draw with: converted to what the terminal can show.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Theme {
    /// Its name.
    pub name: String,
    /// How many colours it was converted to.
    pub depth: Depth,
    styles: Vec<Style>,
}

/// The built-in themes by name; the first is the default.
pub static BUILT_IN: &[(&str, &str)] =
    &[("night", include_str!("../themes/night.toml")), ("day", include_str!("../themes/day.toml"))];

impl Theme {
    /// Loads a theme by name: a person's own from `folder/<name>.toml` first, then a built-in one.
    ///
    /// # Errors
    /// There is no such theme, or its file says something that cannot be understood; the error says what and where.
    pub fn load(name: &str, folder: Option<&Path>, depth: Depth) -> Result<Self, ThemeError> {
        load::load(name, folder, depth)
    }

    /// The style of a role.
    #[must_use]
    pub fn style(&self, role: Role) -> Style {
        self.styles[role as usize]
    }

    /// The style of a role on the background of another: a failing word on a selected row.
    #[must_use]
    pub fn on(&self, role: Role, ground: Role) -> Style {
        let (style, ground) = (self.style(role), self.style(ground));
        let bg = ground.bg.filter(|bg| *bg != Color::Reset).or(style.bg);
        Style { bg, add_modifier: style.add_modifier | ground.add_modifier, ..style }
    }

    /// Whether a role is told from text by a modifier; used where there is no colour.
    #[must_use]
    pub fn has(&self, role: Role, modifier: Modifier) -> bool {
        self.style(role).add_modifier.contains(modifier)
    }
}
