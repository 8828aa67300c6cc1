//! What stands in the parentheses: `shards = 2, driver = "uring"`.

use proc_macro2::Span;
use syn::{
    Error, Expr, ExprLit, Ident, Lit, LitStr, Path, Result, Token,
    ext::IdentExt,
    parse::{Parse, ParseStream},
    spanned::Spanned,
};

const KNOWN: &str = "known are `shards`, `driver`, `name` and `crate`";

/// The options that were given.
#[derive(Default)]
pub(crate) struct Options {
    pub(crate) shards: Option<Expr>,
    pub(crate) driver: Option<Driver>,
    pub(crate) name: Option<LitStr>,
    pub(crate) krate: Option<Path>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Driver {
    Auto,
    Uring,
}

impl Parse for Options {
    fn parse(input: ParseStream<'_>) -> Result<Self> {
        let mut options = Options::default();
        while !input.is_empty() {
            let key = input.call(Ident::parse_any)?;
            if !input.peek(Token![=]) {
                let message = format!("write `{key} = ..`; {KNOWN}");
                return Err(Error::new(key.span(), message));
            }
            input.parse::<Token![=]>()?;
            let value = input.parse::<Expr>()?;
            options.set(&key, value)?;
            if !input.is_empty() {
                input.parse::<Token![,]>()?;
            }
        }
        Ok(options)
    }
}

impl Options {
    fn set(&mut self, key: &Ident, value: Expr) -> Result<()> {
        let span = key.span();
        match key.to_string().as_str() {
            "shards" => put(&mut self.shards, key, shards(value)?),
            "driver" => put(&mut self.driver, key, driver(&string(key, &value)?)?),
            "name" => put(&mut self.name, key, string(key, &value)?),
            "crate" => put(&mut self.krate, key, path(&value)?),
            "threads" | "worker_threads" | "cores" => Err(Error::new(
                span,
                format!(
                    "there is no option `{key}`: a thread with its ring is a shard, write `shards = ..`"
                ),
            )),
            "flavor" => Err(Error::new(
                span,
                "there is no option `flavor`: write `shards = 1` for a runtime on this thread alone",
            )),
            _ => Err(Error::new(
                span,
                format!("there is no option `{key}`; {KNOWN}"),
            )),
        }
    }
}

fn put<T>(slot: &mut Option<T>, key: &Ident, value: T) -> Result<()> {
    match slot.replace(value) {
        None => Ok(()),
        Some(_) => Err(Error::new(key.span(), format!("`{key}` is given twice"))),
    }
}

fn shards(value: Expr) -> Result<Expr> {
    let Expr::Lit(ExprLit { lit, .. }) = &value else {
        return Ok(value); // checked when the runtime is built
    };
    let message = match lit {
        Lit::Int(number) => match number.base10_parse::<usize>() {
            Ok(1..=65_536) => return Ok(value),
            Ok(0) => {
                "a runtime needs at least one shard: write `shards = 1`, or leave it out for one a core"
            }
            _ => "a runtime has at most 65536 shards",
        },
        _ => "`shards` is a number: write `shards = 2`",
    };
    Err(Error::new(lit.span(), message))
}

fn driver(name: &LitStr) -> Result<Driver> {
    match name.value().as_str() {
        "auto" => Ok(Driver::Auto),
        "uring" => Ok(Driver::Uring),
        other => Err(Error::new(
            name.span(),
            format!("there is no driver \"{other}\": write \"uring\" or \"auto\""),
        )),
    }
}

fn string(key: &Ident, value: &Expr) -> Result<LitStr> {
    match value {
        Expr::Lit(ExprLit {
            lit: Lit::Str(string),
            ..
        }) => Ok(string.clone()),
        _ => {
            let message = format!("`{key}` is a string: write `{key} = \"..\"`");
            Err(Error::new(value.span(), message))
        }
    }
}

fn path(value: &Expr) -> Result<Path> {
    match value {
        Expr::Path(path) if path.qself.is_none() => Ok(path.path.clone()),
        Expr::Lit(ExprLit {
            lit: Lit::Str(string),
            ..
        }) => string.parse().map_err(|_| not_a_path(string.span())),
        _ => Err(not_a_path(value.span())),
    }
}

fn not_a_path(span: Span) -> Error {
    Error::new(
        span,
        "`crate` is the path of the ringmesh crate: write `crate = \"::ringmesh\"`",
    )
}
