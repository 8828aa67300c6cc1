//! The function that is annotated: what it must look like.

use syn::{Error, FnArg, ItemFn, Result, spanned::Spanned};

/// Which attribute it is.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Main,
    Test,
}

impl Kind {
    pub(crate) fn attribute(self) -> &'static str {
        match self {
            Kind::Main => "#[ringmesh::main]",
            Kind::Test => "#[ringmesh::test]",
        }
    }
}

/// All that is wrong with the function, at once.
pub(crate) fn check(kind: Kind, function: &ItemFn) -> Result<()> {
    let attribute = kind.attribute();
    let signature = &function.sig;
    let mut errors = Vec::new();

    if signature.asyncness.is_none() {
        errors.push(Error::new(
            signature.fn_token.span,
            format!(
                "{attribute} runs an async function: write `async fn {}`",
                signature.ident
            ),
        ));
    }
    if !signature.generics.params.is_empty() || signature.generics.where_clause.is_some() {
        errors.push(Error::new(
            signature.generics.span(),
            format!("{attribute} calls the function itself, so it cannot be generic"),
        ));
    }
    for (qualifier, span) in [
        ("const", signature.constness.map(|token| token.span())),
        ("unsafe", signature.unsafety.map(|token| token.span())),
        ("extern", signature.abi.as_ref().map(Spanned::span)),
        ("variadic", signature.variadic.as_ref().map(Spanned::span)),
    ] {
        if let Some(span) = span {
            let message = format!("{attribute} does not take a function that is `{qualifier}`");
            errors.push(Error::new(span, message));
        }
    }
    if let Some(FnArg::Receiver(receiver)) = signature.inputs.first() {
        let message = format!("{attribute} takes a free function, not a method");
        errors.push(Error::new(receiver.span(), message));
    } else if let Some(second) = signature.inputs.iter().nth(1) {
        let message = format!(
            "{attribute} gives the function at most one argument, the runtime's handle: \
             `handle: ringmesh::Handle`"
        );
        errors.push(Error::new(second.span(), message));
    }
    let plain = function
        .attrs
        .iter()
        .find(|attr| kind == Kind::Test && attr.path().is_ident("test"));
    if let Some(plain) = plain {
        let message = "#[ringmesh::test] adds #[test] by itself: remove this one, \
                       or the test runs twice";
        errors.push(Error::new(plain.span(), message));
    }
    all(errors)
}

/// One error that holds them all.
pub(crate) fn all(errors: Vec<Error>) -> Result<()> {
    match errors.into_iter().reduce(|mut all, error| {
        all.combine(error);
        all
    }) {
        Some(all) => Err(all),
        None => Ok(()),
    }
}
