//! Unix-domain sockets.

mod listener;
mod stream;

pub use listener::{NextUnixConnection, UnixAccept, UnixIncoming, UnixListener};
pub use stream::UnixStream;

use std::ffi::OsStr;
use std::io;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::SocketAddr;
use std::path::Path;

use socket2::SockAddr;

/// The standard library's form of an address: a path, an abstract name, or none.
fn to_std(addr: &SockAddr) -> io::Result<SocketAddr> {
    if let Some(path) = addr.as_pathname() {
        return SocketAddr::from_pathname(path);
    }
    if let Some(name) = addr.as_abstract_namespace() {
        return SocketAddr::from_abstract_name(name);
    }
    if !addr.is_unix() {
        return Err(io::Error::new(
            io::ErrorKind::InvalidData,
            "not a Unix-domain address",
        ));
    }
    SocketAddr::from_pathname("")
}

/// The kernel's form of a path.
fn of_path(path: &Path) -> io::Result<SockAddr> {
    let bytes = path.as_os_str().as_bytes();
    if bytes.is_empty() || bytes.contains(&0) {
        let text = "a socket's path must not be empty or contain a NUL";
        return Err(io::Error::new(io::ErrorKind::InvalidInput, text));
    }
    SockAddr::unix(path)
}

/// The kernel's form of an address.
fn of_std(addr: &SocketAddr) -> io::Result<SockAddr> {
    if let Some(path) = addr.as_pathname() {
        return of_path(path);
    }
    let Some(name) = addr.as_abstract_name() else {
        let text = "an unnamed address cannot be bound or connected to";
        return Err(io::Error::new(io::ErrorKind::InvalidInput, text));
    };
    let path = [b"\0", name].concat();
    SockAddr::unix(Path::new(OsStr::from_bytes(&path)))
}
