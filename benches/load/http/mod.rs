//! Servers and requests over loopback sockets.

mod client;
mod echo;
mod process;

pub(crate) use client::{ask, rate};
pub(crate) use echo::serve as serve_echo;
pub(crate) use process::{API_KEY, Server, server_program};
