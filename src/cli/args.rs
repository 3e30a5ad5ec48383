//! The command line, as data. What a flag means stands here and nowhere else: `--help`, the man page and
//! the completions are made from it.

use std::path::PathBuf;

use clap::builder::{PossibleValue, PossibleValuesParser, TypedValueParser};
use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::report::get::{WHAT, What};

/// An interactive console for the moment when Kubernetes Secrets stop arriving from Vault or OpenBao.
///
/// Without a command it opens the console on the current context of the kubeconfig, read-only. It shows
/// stores, ExternalSecrets and Vault paths side by side, says which one thing is broken and why, and walks
/// through the repair until the repair is proved.
#[derive(Parser, Debug)]
#[command(name = "sealwatch", version, max_term_width = 100)]
pub struct Cli {
    /// What every command understands.
    #[command(flatten)]
    pub global: Global,
    /// The command; the console without one.
    #[command(subcommand)]
    pub command: Option<Command>,
}

/// What every command understands.
#[derive(Args, Debug, Clone, Default)]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of its own")]
pub struct Global {
    /// Context of the kubeconfig [default: its current one]
    #[arg(long, global = true, value_name = "NAME")]
    pub context: Option<String>,
    /// Kubeconfig file [default: $KUBECONFIG, then ~/.kube/config, then the service account of this pod]
    #[arg(long, global = true, value_name = "FILE")]
    pub kubeconfig: Option<PathBuf>,
    /// Look at this namespace only; may be given several times, or as a list with commas
    #[arg(short, long, global = true, value_name = "NAMESPACE", value_delimiter = ',', conflicts_with = "all_namespaces")]
    pub namespace: Vec<String>,
    /// Look at every namespace, or at those that may be read; this is the default
    #[arg(short = 'A', long, global = true)]
    pub all_namespaces: bool,
    /// Act as this user at the API server
    #[arg(long = "as", global = true, value_name = "USER")]
    pub act_as: Option<String>,
    /// Log in to Vault as this store does, and see what it sees; what that gets is revoked at the end
    #[arg(long, global = true, value_name = "[NAMESPACE/]NAME", conflicts_with = "world")]
    pub login_as_store: Vec<String>,
    /// Log in once as each store that its Vault refuses does, to learn why; what that gets is revoked at once
    #[arg(long, global = true, conflicts_with = "world")]
    pub try_logins: bool,
    /// Open writes at once, as far as the policy of the context allows it
    #[arg(long, global = true)]
    pub write: bool,
    /// Run on a simulated cluster inside the program instead of a real one
    #[arg(long, global = true, value_name = "SCENARIO", conflicts_with_all = ["kubeconfig", "context", "act_as"])]
    pub simulate: Option<String>,
    /// Look at a recorded world instead of a cluster; it cannot be changed
    #[arg(long, global = true, value_name = "FILE", conflicts_with_all = ["simulate", "kubeconfig", "context", "act_as"])]
    pub world: Option<PathBuf>,
    /// Configuration file [default: sealwatch/config.toml in the configuration folder]
    #[arg(long, global = true, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Colours: night, day, or the name of a file in the themes folder
    #[arg(long, global = true, value_name = "NAME")]
    pub theme: Option<String>,
    /// Draw with plain ASCII characters
    #[arg(long, global = true)]
    pub ascii: bool,
    /// Do not listen to the mouse, so that the terminal selects text
    #[arg(long, global = true)]
    pub no_mouse: bool,
    /// Write a log to this file; there is none otherwise, and it never holds a value
    #[arg(long, global = true, value_name = "FILE")]
    pub log: Option<PathBuf>,
}

/// The commands.
#[derive(Subcommand, Debug)]
pub enum Command {
    /// Open the console on a simulated cluster: no cluster and no Vault needed
    Demo {
        /// Which scenario
        #[arg(default_value = "sealed", value_name = "SCENARIO")]
        scenario: String,
        /// List the scenarios
        #[arg(long)]
        list: bool,
    },
    /// Say what is wrong, once, and exit: 0 healthy, 1 findings, 3 could not look
    Check {
        /// Output format
        #[arg(short, long, value_enum, default_value_t)]
        output: CheckFormat,
        /// The severity from which findings make the exit code 1
        #[arg(long, value_enum, default_value_t = FailOn::Error)]
        fail_on: FailOn,
        /// Count what will break in this time too, such as 24h: generators that come due, leases, tokens
        #[arg(long, value_parser = seconds, value_name = "TIME")]
        within: Option<u64>,
        /// How long to look at the most, such as 30s
        #[arg(long, default_value = "30s", value_parser = seconds, value_name = "TIME")]
        timeout: u64,
    },
    /// List what is known of a kind, once: 0 seen, 3 could not look
    Get {
        /// What to list; kubectl's singulars and short names are understood too
        #[arg(value_name = "WHAT", value_parser = what(), ignore_case = true)]
        what: &'static What,
        /// Only these: name, namespace/name or Kind/namespace/name
        #[arg(value_name = "NAME")]
        names: Vec<String>,
        /// Paths: ask for the names of their properties too, at most 8 paths a second; never for a value
        #[arg(long)]
        properties: bool,
        /// Paths: list their folders too, and show what stands there and nothing references
        #[arg(long, alias = "neighbors")]
        neighbours: bool,
        /// Output format
        #[arg(short, long, value_enum, default_value_t)]
        output: GetOutput,
        /// Leave the names of the columns out
        #[arg(long)]
        no_headers: bool,
        /// How long to look at the most, such as 30s
        #[arg(long, default_value = "30s", value_parser = seconds, value_name = "TIME")]
        timeout: u64,
    },
    /// Trace one object from where its value comes to where it is used: 0 seen, 3 could not look
    Trace {
        /// Which: KIND/NAME, KIND/NAMESPACE/NAME, or KIND and NAME; such as deploy/shop/web or path/secret/shop/db
        #[arg(value_name = "KIND/NAME", required = true, num_args = 1..=2)]
        object: Vec<String>,
        /// Output format
        #[arg(short, long, value_enum, default_value_t)]
        output: Output,
        /// How many dependents of one station are followed, the worst first [JSON: all]
        #[arg(long, default_value = "8", value_name = "NUMBER")]
        most: usize,
        /// How long to look at the most, such as 30s
        #[arg(long, default_value = "30s", value_parser = seconds, value_name = "TIME")]
        timeout: u64,
    },
    /// Write a scrubbed recording of the world to a file, for --world and open; it holds no value and no token
    Capture {
        /// The file, readable by its owner alone
        #[arg(value_name = "FILE")]
        file: PathBuf,
        /// Replace a file that is there
        #[arg(long)]
        force: bool,
        /// How long to look at the most, such as 30s
        #[arg(long, default_value = "30s", value_parser = seconds, value_name = "TIME")]
        timeout: u64,
    },
    /// Open the console on a recording; it cannot be changed
    Open {
        /// The file that capture wrote
        #[arg(value_name = "FILE")]
        file: PathBuf,
    },
    /// List, explain and run guided repairs
    Runbook {
        /// What to do with them
        #[command(subcommand)]
        command: RunbookCommand,
    },
    /// Explain a rule: what it means, how it is known, how it is repaired
    Explain {
        /// The rule; all are listed without one
        slug: Option<String>,
    },
    /// List the keys of the console
    Keys,
    /// Print the completion script of a shell
    Completion {
        /// The shell
        shell: clap_complete::Shell,
    },
    /// Print the man page
    Man,
    /// Say which files are used and where writes would be journalled
    Info,
}

/// What can be done with runbooks.
#[derive(Subcommand, Debug)]
pub enum RunbookCommand {
    /// List them
    List {
        /// Output format
        #[arg(short, long, value_enum, default_value_t)]
        output: Output,
    },
    /// Explain one, step by step
    Show {
        /// Which
        name: String,
    },
    /// Run one: 0 proved, 1 failed or unproved, 3 could not look, 4 refused
    Run {
        /// Which
        name: String,
        /// On what, as Kind/namespace/name [default: the cause that it repairs and that reaches furthest]
        #[arg(long, value_name = "KIND/NS/NAME")]
        target: Option<String>,
        /// Show every step and write nothing
        #[arg(long)]
        dry_run: bool,
        /// Take up the last run of it on this target, however it ended [default: if it was interrupted within the hour]
        #[arg(long, conflicts_with = "anew")]
        resume: bool,
        /// Take up no earlier run
        #[arg(long)]
        anew: bool,
        /// Answer y; it answers nothing that asks for more
        #[arg(long)]
        yes: bool,
        /// Answer with this name where a name is asked for; may be given several times
        #[arg(long, value_name = "NAME")]
        confirm: Vec<String>,
        /// Unseal shares, one a line [default: standard input, unseen at a terminal]
        #[arg(long, value_name = "FILE")]
        share_file: Option<PathBuf>,
        /// The value to write, whole [default: standard input, unseen at a terminal]
        #[arg(long, value_name = "FILE")]
        value_file: Option<PathBuf>,
        /// Output format
        #[arg(short, long, value_enum, default_value_t)]
        output: Output,
        /// How long the first look may take, such as 30s
        #[arg(long, default_value = "30s", value_parser = seconds, value_name = "TIME")]
        timeout: u64,
    },
}

/// Output for people or for programs.
#[derive(ValueEnum, Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Output {
    /// For people
    #[default]
    Table,
    /// For programs
    Json,
}

/// Output formats of `check`.
#[derive(ValueEnum, Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum CheckFormat {
    /// For people
    #[default]
    Table,
    /// sealwatch/check/v1
    Json,
}

/// Output formats of `get`.
#[derive(ValueEnum, Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum GetOutput {
    /// For people
    #[default]
    Table,
    /// With more columns
    Wide,
    /// sealwatch/get/v1
    Json,
    /// The same in YAML
    Yaml,
    /// References, as --target and trace take them
    Name,
}

/// From which severity on `check` fails.
#[derive(ValueEnum, Clone, Copy, Debug, PartialEq, Eq)]
pub enum FailOn {
    /// Warnings and errors
    Warning,
    /// Errors only
    Error,
}

/// What can be listed, by every word for it; completions and help name each once.
fn what() -> impl TypedValueParser<Value = &'static What> {
    let value = |what: &'static What| PossibleValue::new(what.name).aliases(what.words().skip(1)).help(what.about);
    PossibleValuesParser::new(WHAT.iter().map(value))
        .try_map(|word| What::from_word(&word).ok_or_else(|| format!("“{word}” cannot be listed")))
}

/// `30s`, `2m`, `45`.
fn seconds(text: &str) -> Result<u64, String> {
    crate::model::kinds::go_duration(text)
        .and_then(|seconds| u64::try_from(seconds).ok())
        .filter(|seconds| *seconds > 0)
        .ok_or_else(|| "write a time such as 30s or 2m".to_owned())
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    #[test]
    fn the_command_line_is_consistent() {
        super::Cli::command().debug_assert();
    }
}
