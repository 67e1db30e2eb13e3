//! The command line.

use clap::{Args, Parser, Subcommand};

use crate::given::Given;

/// Issues and checks access tokens for the users of an application.
#[derive(Parser)]
#[command(
    name = "issuer-server",
    version,
    propagate_version = true,
    after_help = "Example:\n  issuer-server issue user001 --nickname Amy\n\n\
                  Every setting has one name: max_live_tokens in the file of --config, ISSUER_MAX_LIVE_TOKENS, \
                  --max-live-tokens. Flags win over the environment, the environment wins over the file; an empty variable counts \
                  as unset.\n\
                  Secrets come from files or the environment: arguments show in the list of processes.\n\
                  Results are JSON lines. Exit codes: 0 done, 1 refused, 2 wrong usage, 3 the store or the machine failed."
)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,

    #[command(flatten, next_help_heading = "Settings")]
    pub(crate) given: Given,
}

#[derive(Subcommand)]
pub(crate) enum Command {
    /// Create a user, or update the profile, and issue a token
    #[command(
        after_help = "Example:\n  issuer-server issue user001 --nickname Amy --avatar-url https://example.com/avatar.jpg"
    )]
    Issue {
        /// The user's id, 1 to 255 bytes
        #[arg(value_name = "ID")]
        id: String,
        /// What the user is called; "" clears it
        #[arg(long, value_name = "NAME", allow_hyphen_values = true)]
        nickname: Option<String>,
        /// Where the user's picture is; "" clears it
        #[arg(long, value_name = "URL", allow_hyphen_values = true)]
        avatar_url: Option<String>,
        #[command(flatten)]
        keys: NewKey,
    },

    /// Say whether a token is live, and why not
    #[command(
        after_help = "Examples:\n  issuer-server verify eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9...\n  \
                            issuer-server verify - < token.txt"
    )]
    Verify {
        /// The token, or - to read it from standard input, where no other user of the machine sees it; quotes, white space
        /// and Bearer around it are forgiven
        #[arg(value_name = "TOKEN|-", num_args = 1..=2, required = true)]
        token: Vec<String>,
    },

    /// Revoke tokens
    #[command(subcommand, after_help = "Example:\n  issuer-server token revoke user001")]
    Token(TokenCommand),

    /// Copy users, tokens, idempotency records and API keys from one store into another
    #[command(
        after_help = "Example:\n  issuer-server copy --from sqlite:/var/lib/issuer/issuer.db --to sled:/var/lib/issuer/issuer.sled\n\n\
                            Stop the server first. Interrupted, the same command again completes the copy. A destination \
                            that holds anything else is refused. The signing keys are not in a store: take keys.json along."
    )]
    Copy {
        /// The store to read: sqlite:PATH or sled:PATH
        #[arg(long, value_name = "URL")]
        from: String,
        /// The store to fill: sqlite:PATH or sled:PATH; made where it does not exist
        #[arg(long, value_name = "URL")]
        to: String,
    },

    /// Serve HTTP until SIGTERM, SIGINT, or SIGHUP of a closed terminal
    #[command(after_help = "Example:\n  issuer-server serve --listen 127.0.0.1:8080\n\n\
                            The first API key is that of ISSUER_API_KEY or of the file ISSUER_API_KEY_FILE; without either, \
                            one is made into bootstrap-api-key in the data folder.\n\n\
                            The log goes to standard error, off a terminal as JSON, a line each. Those of answered requests are \
                            written together, at most 50 ms late: a server that is killed takes that much with it. No request \
                            and no stop waits for the reader of the log: once 1 MiB waits for it, lines are dropped, and one \
                            line in their place says how many (dropped_lines). At the end, the reader has half a second for \
                            the last lines.")]
    Serve {
        #[command(flatten)]
        keys: NewKey,
    },
}

#[derive(Args, Clone, Copy)]
pub(crate) struct NewKey {
    /// Make a new signing key where keys.json was lost: ends the live tokens that the lost key signed, and says how many
    #[arg(long)]
    pub(crate) new_key: bool,
}

#[derive(Subcommand)]
pub(crate) enum TokenCommand {
    /// Revoke one token of a user, or all of them, at once
    #[command(after_help = "Example:\n  issuer-server token revoke user001")]
    Revoke {
        /// The user's id
        #[arg(value_name = "ID")]
        id: String,
        /// The token, or - to read it from standard input; without it, all tokens of the user
        #[arg(value_name = "TOKEN|-", num_args = 0..=2)]
        token: Vec<String>,
    },
}
