//! Types of `std` that are messages: yours are yours to implement, these could not be.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap, HashSet, VecDeque},
    ffi::{CString, OsString},
    io,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener, TcpStream, UdpSocket},
    os::{
        fd::OwnedFd,
        unix::net::{UnixDatagram, UnixListener, UnixStream},
    },
    path::PathBuf,
    sync::Arc,
    time::{Duration, Instant, SystemTime},
};

use crate::{Message, ShardId};

macro_rules! messages {
    ($($message:ty),* $(,)?) => { $(impl Message for $message {})* };
}

messages!((), bool, char, u8, u16, u32, u64, u128, usize);
messages!(i8, i16, i32, i64, i128, isize, f32, f64);
messages!(&'static str, String, CString, OsString, PathBuf, ShardId);
messages!(Duration, Instant, SystemTime, io::Error);
messages!(IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr);
messages!(OwnedFd, TcpListener, TcpStream, UdpSocket);
messages!(UnixDatagram, UnixListener, UnixStream);

impl<T: ?Sized + Send + 'static> Message for Box<T> {}
impl<T: ?Sized + Send + Sync + 'static> Message for Arc<T> {}
impl<T: Send + 'static> Message for Option<T> {}
impl<T: Send + 'static, E: Send + 'static> Message for Result<T, E> {}
impl<T: Send + 'static> Message for Vec<T> {}
impl<T: Send + 'static> Message for VecDeque<T> {}
impl<T: Send + 'static, const N: usize> Message for [T; N] {}
impl<K: Send + 'static, V: Send + 'static> Message for BTreeMap<K, V> {}
impl<T: Send + 'static> Message for BTreeSet<T> {}
impl<K: Send + 'static, V: Send + 'static, S: Send + 'static> Message for HashMap<K, V, S> {}
impl<T: Send + 'static, S: Send + 'static> Message for HashSet<T, S> {}
impl<A: Send + 'static, B: Send + 'static> Message for (A, B) {}
impl<A: Send + 'static, B: Send + 'static, C: Send + 'static> Message for (A, B, C) {}
