//! How many colours the terminal has, and the nearest ones to those of a theme. Decided from the environment:
//! no child process, no question to the terminal before the first frame.

use ratatui::style::{Color, Modifier, Style};

/// How many colours.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Depth {
    /// None: modifiers only.
    Mono,
    /// The sixteen that every theme of a terminal defines.
    Ansi16,
    /// The 6x6x6 cube and the greys.
    Ansi256,
    /// Any.
    True,
}

impl Depth {
    /// What the environment says. `NO_COLOR` (set and not empty) wins, then `COLORTERM`, then `TERM`.
    #[must_use]
    pub fn detect(get: impl Fn(&str) -> Option<String>) -> Self {
        let said = |name: &str| get(name).filter(|value| !value.is_empty());
        let term = said("TERM").unwrap_or_default();
        if said("NO_COLOR").is_some() || term == "dumb" || term == "vt100" {
            return Self::Mono;
        }
        match said("COLORTERM").as_deref() {
            Some("truecolor" | "24bit") => Self::True,
            _ if term.contains("256color") || term.contains("kitty") || term.contains("alacritty") => Self::Ansi256,
            _ => Self::Ansi16,
        }
    }

    /// A style as this terminal can show it. `mono` are the modifiers that stand for the colours where there are none.
    #[must_use]
    pub fn convert(self, style: Style, mono: Modifier) -> Style {
        match self {
            Self::True => style,
            Self::Mono => Style { fg: None, bg: None, add_modifier: style.add_modifier | mono, ..style },
            Self::Ansi256 => Style { fg: style.fg.map(to_256), bg: style.bg.map(to_256), ..style },
            Self::Ansi16 => {
                let bg = style.bg.map(to_16);
                let mut fg = style.fg.map(to_16);
                // Two colours of a theme may fall on one of sixteen: text must not vanish.
                if fg.is_some() && fg == bg {
                    fg = Some(if is_dark(style.bg) { Color::White } else { Color::Black });
                }
                Style { fg, bg, ..style }
            }
        }
    }
}

/// The sixteen as xterm shows them.
const ANSI: [(Color, (u8, u8, u8)); 16] = [
    (Color::Black, (0, 0, 0)),
    (Color::Red, (205, 0, 0)),
    (Color::Green, (0, 205, 0)),
    (Color::Yellow, (205, 205, 0)),
    (Color::Blue, (0, 0, 238)),
    (Color::Magenta, (205, 0, 205)),
    (Color::Cyan, (0, 205, 205)),
    (Color::Gray, (229, 229, 229)),
    (Color::DarkGray, (127, 127, 127)),
    (Color::LightRed, (255, 0, 0)),
    (Color::LightGreen, (0, 255, 0)),
    (Color::LightYellow, (255, 255, 0)),
    (Color::LightBlue, (92, 92, 255)),
    (Color::LightMagenta, (255, 0, 255)),
    (Color::LightCyan, (0, 255, 255)),
    (Color::White, (255, 255, 255)),
];

fn to_16(color: Color) -> Color {
    let Color::Rgb(r, g, b) = color else { return color };
    let (hue, strength, light) = cylinder(r, g, b);
    // Greys by lightness, the rest by hue: by distance alone a calm red of a dark theme would become grey.
    if strength < 60 {
        return match light {
            0..=70 => Color::Black,
            71..=150 => Color::DarkGray,
            151..=215 => Color::Gray,
            _ => Color::White,
        };
    }
    let bright = light > 140;
    match (hue, bright) {
        (0..=29 | 330..=360, false) => Color::Red,
        (0..=29 | 330..=360, true) => Color::LightRed,
        (30..=75, false) => Color::Yellow,
        (30..=75, true) => Color::LightYellow,
        (76..=165, false) => Color::Green,
        (76..=165, true) => Color::LightGreen,
        (166..=195, false) => Color::Cyan,
        (166..=195, true) => Color::LightCyan,
        (196..=265, false) => Color::Blue,
        (196..=265, true) => Color::LightBlue,
        (_, false) => Color::Magenta,
        (_, true) => Color::LightMagenta,
    }
}

/// Hue in degrees, the spread between the strongest and the weakest channel, and the strongest channel.
fn cylinder(r: u8, g: u8, b: u8) -> (u16, u8, u8) {
    let (max, min) = (r.max(g).max(b), r.min(g).min(b));
    let spread = i32::from(max - min);
    if spread == 0 {
        return (0, 0, max);
    }
    let (r, g, b) = (i32::from(r), i32::from(g), i32::from(b));
    let hue = if i32::from(max) == r {
        60 * (g - b) / spread
    } else if i32::from(max) == g {
        120 + 60 * (b - r) / spread
    } else {
        240 + 60 * (r - g) / spread
    };
    (u16::try_from(hue.rem_euclid(360)).unwrap_or(0), max - min, max)
}

fn to_256(color: Color) -> Color {
    let Color::Rgb(r, g, b) = color else { return color };
    let step = |c: u8| -> u8 {
        match c {
            0..=47 => 0,
            48..=114 => 1,
            _ => (c - 35) / 40,
        }
    };
    let level = |s: u8| if s == 0 { 0 } else { 55 + 40 * s };
    let cube = (step(r), step(g), step(b));
    let cube_rgb = (level(cube.0), level(cube.1), level(cube.2));
    let mean = (u16::from(r) + u16::from(g) + u16::from(b)) / 3;
    let grey = u8::try_from((mean.saturating_sub(3) / 10).min(23)).unwrap_or(23);
    let grey_level = 8 + 10 * grey;
    let distance = |(x, y, z): (u8, u8, u8)| {
        let d = |p: u8, q: u8| (i32::from(p) - i32::from(q)).pow(2);
        d(r, x) + d(g, y) + d(b, z)
    };
    Color::Indexed(if distance((grey_level, grey_level, grey_level)) < distance(cube_rgb) {
        232 + grey
    } else {
        16 + 36 * cube.0 + 6 * cube.1 + cube.2
    })
}

fn is_dark(color: Option<Color>) -> bool {
    color.and_then(rgb).is_none_or(|c| luminance(c) < 0.2)
}

/// The red, green and blue of a colour, as far as it says.
#[must_use]
pub fn rgb(color: Color) -> Option<(u8, u8, u8)> {
    match color {
        Color::Rgb(r, g, b) => Some((r, g, b)),
        Color::Indexed(i @ 232..) => {
            let level = 8 + 10 * (i - 232);
            Some((level, level, level))
        }
        Color::Indexed(i @ 16..) => {
            let level = |s: u8| if s == 0 { 0 } else { 55 + 40 * s };
            let i = i - 16;
            Some((level(i / 36), level(i / 6 % 6), level(i % 6)))
        }
        named => ANSI.iter().find(|(color, _)| *color == named).map(|(_, rgb)| *rgb),
    }
}

/// Relative luminance as WCAG 2 defines it.
fn luminance((r, g, b): (u8, u8, u8)) -> f64 {
    let channel = |c: u8| {
        let c = f64::from(c) / 255.0;
        if c <= 0.04045 { c / 12.92 } else { ((c + 0.055) / 1.055).powf(2.4) }
    };
    0.2126 * channel(r) + 0.7152 * channel(g) + 0.0722 * channel(b)
}

/// The contrast of two colours as WCAG 2 defines it, 1 to 21; 4.5 is enough for text.
#[must_use]
pub fn contrast(a: (u8, u8, u8), b: (u8, u8, u8)) -> f64 {
    let (a, b) = (luminance(a), luminance(b));
    (a.max(b) + 0.05) / (a.min(b) + 0.05)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_environment_decides() {
        let env = |pairs: &'static [(&str, &str)]| {
            Depth::detect(|name| pairs.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned()))
        };
        assert_eq!(env(&[("TERM", "xterm-256color"), ("COLORTERM", "truecolor")]), Depth::True);
        assert_eq!(env(&[("TERM", "xterm-256color")]), Depth::Ansi256);
        assert_eq!(env(&[("TERM", "linux")]), Depth::Ansi16);
        assert_eq!(env(&[("TERM", "xterm"), ("COLORTERM", "truecolor"), ("NO_COLOR", "1")]), Depth::Mono);
        assert_eq!(env(&[("TERM", "xterm"), ("NO_COLOR", "")]), Depth::Ansi16, "empty is as good as unset");
        assert_eq!(env(&[("TERM", "dumb")]), Depth::Mono);
    }

    #[test]
    fn a_calm_red_stays_red_and_text_never_vanishes() {
        assert_eq!(to_16(Color::Rgb(240, 113, 120)), Color::LightRed);
        assert_eq!(to_16(Color::Rgb(20, 23, 28)), Color::Black);
        let style = Style::new().fg(Color::Rgb(30, 30, 30)).bg(Color::Rgb(20, 20, 20));
        let shown = Depth::Ansi16.convert(style, Modifier::empty());
        assert_ne!(shown.fg, shown.bg);
    }
}
