//! From the annotated function to the one that is compiled.

use proc_macro2::TokenStream;
use quote::quote;
use syn::{ItemFn, Path, Result, parse_quote, parse2};

use crate::{
    entry::{self, Kind},
    options::{Driver, Options},
};

/// The expansion, or compile errors with a stub that keeps the compiler from adding its own.
pub(crate) fn entry(kind: Kind, options: TokenStream, item: TokenStream) -> TokenStream {
    let function = match parse2::<ItemFn>(item.clone()) {
        Ok(function) => function,
        Err(error) => {
            let message = format!("{} goes on an `async fn`: {error}", kind.attribute());
            let error = syn::Error::new(error.span(), message).into_compile_error();
            return quote!(#error #item);
        }
    };
    expand(kind, options, &function).unwrap_or_else(|error| {
        let error = error.into_compile_error();
        let stub = stub(&function);
        quote!(#error #stub)
    })
}

fn expand(kind: Kind, options: TokenStream, function: &ItemFn) -> Result<TokenStream> {
    let options = parse2::<Options>(options);
    let mut errors = Vec::new();
    errors.extend(entry::check(kind, function).err());
    let options = options.unwrap_or_else(|error| {
        errors.push(error);
        Options::default()
    });
    entry::all(errors)?;

    let ringmesh = options
        .krate
        .clone()
        .unwrap_or_else(|| parse_quote!(::ringmesh));
    let builder = builder(kind, &options, &ringmesh);
    let failed = match kind {
        Kind::Main => quote! {{
            ::std::eprintln!("error: {error}");
            ::std::process::exit(1)
        }},
        Kind::Test => quote!(::std::panic!("the runtime did not start: {error}")),
    };

    let ItemFn {
        attrs,
        vis,
        sig,
        block,
    } = function;
    let test = (kind == Kind::Test).then(|| quote!(#[::core::prelude::v1::test]));
    let (name, output, inputs) = (&sig.ident, &sig.output, &sig.inputs);
    let call = match inputs.is_empty() {
        true => quote!(#name()),
        // Asked for inside: there is no handle before the runtime runs.
        false => quote!(async { #name(#ringmesh::Handle::current()).await }),
    };
    Ok(quote! {
        #(#attrs)*
        #test
        #vis fn #name() #output {
            async fn #name(#inputs) #output #block
            match #builder.run(#call) {
                ::core::result::Result::Ok(output) => output,
                ::core::result::Result::Err(error) => #failed,
            }
        }
    })
}

fn builder(kind: Kind, options: &Options, ringmesh: &Path) -> TokenStream {
    let one = || parse_quote!(1);
    let shards = match (&options.shards, kind) {
        (Some(shards), _) => Some(shards.clone()),
        (None, Kind::Test) => Some(one()),
        (None, Kind::Main) => None,
    };
    let shards = shards.map(|shards: syn::Expr| quote!(.shards(#shards)));
    let name = options
        .name
        .as_ref()
        .map(|name| quote!(.thread_name_prefix(#name)));
    let driver = options.driver.map(|driver| match driver {
        Driver::Auto => quote!(.driver(#ringmesh::DriverKind::Auto)),
        Driver::Uring => quote!(.driver(#ringmesh::DriverKind::Uring)),
    });
    quote!(#ringmesh::Builder::new() #shards #name #driver)
}

/// A function of the same name that compiles, so that the only errors are ours.
fn stub(function: &ItemFn) -> TokenStream {
    let (vis, name) = (&function.vis, &function.sig.ident);
    quote! {
        #[allow(dead_code, reason = "it stands for a function with an error")]
        #vis fn #name() {}
    }
}
