//! Addresses: what `bind` and `connect` take, and how names become numbers without blocking a shard.

use std::fmt;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV4, SocketAddrV6};

/// Something that names one or more socket addresses.
///
/// Literals (`"127.0.0.1:80"`, [`SocketAddr`], `(IpAddr, u16)`) are answered at once. Host names
/// (`"example.org:443"`) are looked up by the system's resolver on the blocking pool, since that call has
/// no asynchronous form; the shard goes on working meanwhile.
///
/// The trait is sealed: [`SocketAddr`] is the currency for everything else.
///
/// ```
/// # ringmesh_op::run(async {
/// let listener = ringmesh_net::TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
/// assert!(listener.local_addr().unwrap().ip().is_loopback());
/// # }).unwrap();
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` does not name a socket address",
    note = "use a string \"host:port\", a `SocketAddr`, an `(ip, port)` or `(host, port)` pair, or a list of `SocketAddr`"
)]
pub trait ToSocketAddrs: sealed::Resolve {}

impl<T: sealed::Resolve + ?Sized> ToSocketAddrs for T {}

/// Resolves `addrs`; at least one address, or an error that names what was asked for.
pub(crate) async fn resolve(addrs: impl ToSocketAddrs) -> io::Result<Addrs> {
    let found = match addrs.target()? {
        Target::One(addr) => return Ok(Addrs::One(addr)),
        Target::Many(list) => list,
        Target::Name { host, port } => lookup(host, port).await?,
    };
    if found.is_empty() {
        return Err(io::Error::new(
            io::ErrorKind::InvalidInput,
            "the list of addresses is empty",
        ));
    }
    Ok(Addrs::Many(found))
}

/// One address without an allocation, or several.
pub(crate) enum Addrs {
    One(SocketAddr),
    Many(Vec<SocketAddr>),
}

impl Addrs {
    pub(crate) fn as_slice(&self) -> &[SocketAddr] {
        match self {
            Addrs::One(addr) => std::slice::from_ref(addr),
            Addrs::Many(list) => list,
        }
    }
}

/// Asks the system's resolver, on the blocking pool.
async fn lookup(host: String, port: u16) -> io::Result<Vec<SocketAddr>> {
    use std::net::ToSocketAddrs as _;

    let name = host.clone();
    let job = ringmesh_sched::spawn_blocking(move || {
        (host.as_str(), port)
            .to_socket_addrs()
            .map(Iterator::collect::<Vec<_>>)
    });
    let found = match job.await {
        Ok(answer) => answer,
        Err(gone) => Err(io::Error::other(gone)),
    };
    let found = found.map_err(|e| crate::AddrError::wrap("resolve", &name, e))?;
    if found.is_empty() {
        let none = io::Error::new(io::ErrorKind::NotFound, "the name has no address");
        return Err(crate::AddrError::wrap("resolve", &name, none));
    }
    Ok(found)
}

/// What an address argument turned out to be.
pub enum Target {
    /// A literal.
    One(SocketAddr),
    /// A list of literals.
    Many(Vec<SocketAddr>),
    /// A name that must be looked up.
    Name {
        /// Host name without the port.
        host: String,
        /// Port number.
        port: u16,
    },
}

impl fmt::Debug for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Target::One(addr) => addr.fmt(f),
            Target::Many(list) => list.fmt(f),
            Target::Name { host, port } => write!(f, "{host}:{port}"),
        }
    }
}

mod sealed {
    use super::Target;
    use std::io;

    /// The part of `ToSocketAddrs` that nobody else may implement.
    pub trait Resolve: Send {
        /// Says what the argument is, without blocking.
        fn target(&self) -> io::Result<Target>;
    }
}

use sealed::Resolve;

impl Resolve for SocketAddr {
    fn target(&self) -> io::Result<Target> {
        Ok(Target::One(*self))
    }
}

impl Resolve for SocketAddrV4 {
    fn target(&self) -> io::Result<Target> {
        Ok(Target::One((*self).into()))
    }
}

impl Resolve for SocketAddrV6 {
    fn target(&self) -> io::Result<Target> {
        Ok(Target::One((*self).into()))
    }
}

impl Resolve for (IpAddr, u16) {
    fn target(&self) -> io::Result<Target> {
        Ok(Target::One((*self).into()))
    }
}

impl Resolve for (Ipv4Addr, u16) {
    fn target(&self) -> io::Result<Target> {
        Ok(Target::One((*self).into()))
    }
}

impl Resolve for (Ipv6Addr, u16) {
    fn target(&self) -> io::Result<Target> {
        Ok(Target::One((*self).into()))
    }
}

impl Resolve for (&str, u16) {
    fn target(&self) -> io::Result<Target> {
        Ok(host_port(self.0, self.1))
    }
}

impl Resolve for (String, u16) {
    fn target(&self) -> io::Result<Target> {
        Ok(host_port(&self.0, self.1))
    }
}

impl Resolve for str {
    fn target(&self) -> io::Result<Target> {
        if let Ok(addr) = self.parse() {
            return Ok(Target::One(addr));
        }
        let bad = |why| {
            io::Error::new(
                io::ErrorKind::InvalidInput,
                format!("invalid socket address {self:?}: {why}"),
            )
        };
        let (host, port) = self
            .rsplit_once(':')
            .ok_or_else(|| bad("expected \"host:port\""))?;
        let port = port
            .parse()
            .map_err(|_| bad("the port is not a number from 0 to 65535"))?;
        if host.is_empty() {
            return Err(bad("the host is empty"));
        }
        if host.contains('\0') {
            return Err(bad("the host contains a NUL"));
        }
        Ok(host_port(host, port))
    }
}

impl Resolve for String {
    fn target(&self) -> io::Result<Target> {
        self.as_str().target()
    }
}

impl Resolve for [SocketAddr] {
    fn target(&self) -> io::Result<Target> {
        Ok(Target::Many(self.to_vec()))
    }
}

impl Resolve for Vec<SocketAddr> {
    fn target(&self) -> io::Result<Target> {
        Ok(Target::Many(self.clone()))
    }
}

impl<const N: usize> Resolve for [SocketAddr; N] {
    fn target(&self) -> io::Result<Target> {
        Ok(Target::Many(self.to_vec()))
    }
}

impl<T: Resolve + Sync + ?Sized> Resolve for &T {
    fn target(&self) -> io::Result<Target> {
        (**self).target()
    }
}

/// A literal address when `host` is one, else a name to look up.
fn host_port(host: &str, port: u16) -> Target {
    match host.parse::<IpAddr>() {
        Ok(ip) => Target::One((ip, port).into()),
        Err(_) => Target::Name {
            host: host.to_owned(),
            port,
        },
    }
}

/// The internet address inside `addr`.
pub(crate) fn inet(addr: &socket2::SockAddr) -> io::Result<SocketAddr> {
    addr.as_socket()
        .ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, "not an internet address"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn literals_need_no_lookup() {
        for text in ["127.0.0.1:80", "[::1]:443", "10.0.0.1:0"] {
            assert!(matches!(text.target(), Ok(Target::One(_))), "{text}");
        }
        assert!(matches!(("::1", 1).target(), Ok(Target::One(_))));
        assert!(matches!(
            "localhost:80".target(),
            Ok(Target::Name { port: 80, .. })
        ));
    }

    #[test]
    fn bad_text_is_invalid_input() {
        for text in ["", "localhost", ":80", "host:70000", "host:-1", "a\0b:1"] {
            let err = text.target().unwrap_err();
            assert_eq!(err.kind(), io::ErrorKind::InvalidInput, "{text:?}");
        }
    }
}
