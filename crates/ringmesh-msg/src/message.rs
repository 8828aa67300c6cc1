//! What travels: raw words or typed values.

mod foreign;

use std::{any::Any, fmt};

use crate::ShardId;

/// Something that can be sent to another shard.
///
/// Implement it for your own type, there is nothing to write:
///
/// ```
/// use ringmesh_msg::Message;
///
/// struct Resize { width: u32, height: u32 }
/// impl Message for Resize {}
/// ```
///
/// A typed message travels in a box of its own. [`Raw`] travels inline, without an allocation. The types of
/// `std` that one would send (numbers, strings, collections, boxes, descriptors) are messages already.
///
/// Whoever overrides the methods keeps `from_body(into_body(message)) == Ok(message)`: a message that finds
/// no room comes back this way.
pub trait Message: Send + Sized + 'static {
    /// Packs the message for the way.
    fn into_body(self) -> Body {
        Body::Typed(Box::new(self))
    }

    /// Unpacks it, or gives the body back if it holds something else.
    fn from_body(body: Body) -> Result<Self, Body> {
        match body {
            Body::Typed(any) => any.downcast().map(|message| *message).map_err(Body::Typed),
            raw => Err(raw),
        }
    }
}

/// A message of two words that travels inline: no allocation, no type look-up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Raw {
    /// What it is about; the meaning is between sender and receiver.
    pub tag: u16,
    /// The value.
    pub val: u32,
}

impl Message for Raw {
    #[inline]
    fn into_body(self) -> Body {
        Body::Raw(self)
    }

    #[inline]
    fn from_body(body: Body) -> Result<Self, Body> {
        match body {
            Body::Raw(raw) => Ok(raw),
            typed => Err(typed),
        }
    }
}

/// What a message is on its way.
pub enum Body {
    /// Two words, inline.
    Raw(Raw),
    /// A value of any type, boxed.
    Typed(Box<dyn Any + Send>),
}

impl Body {
    /// The message, if it is an `M`; otherwise the body back.
    pub fn downcast<M: Message>(self) -> Result<M, Body> {
        M::from_body(self)
    }
}

impl fmt::Debug for Body {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Body::Raw(raw) => raw.fmt(f),
            Body::Typed(_) => f.write_str("Typed(..)"),
        }
    }
}

/// A message that has arrived.
#[derive(Debug)]
pub struct Received {
    /// The shard that sent it; `None` if it came from a thread that is none.
    pub from: Option<ShardId>,
    /// What it says.
    pub body: Body,
}

impl Received {
    /// The raw words, if it is a raw message.
    #[inline]
    pub fn raw(&self) -> Option<Raw> {
        match self.body {
            Body::Raw(raw) => Some(raw),
            Body::Typed(_) => None,
        }
    }

    /// The message, if it is an `M`; otherwise this value back, to try the next type.
    pub fn downcast<M: Message>(self) -> Result<M, Received> {
        let from = self.from;
        M::from_body(self.body).map_err(|body| Received { from, body })
    }
}
