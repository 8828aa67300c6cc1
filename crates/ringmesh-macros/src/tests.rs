//! What the attributes expand to, and what they say when something is wrong. Token by token: the `ringmesh`
//! crate need not exist.

use proc_macro2::TokenStream;
use quote::quote;

use crate::{entry::Kind, expand::entry};

fn assert_expands(kind: Kind, options: TokenStream, item: TokenStream, expected: TokenStream) {
    assert_eq!(entry(kind, options, item).to_string(), expected.to_string());
}

/// The errors of an expansion, and that the rest of it is a function that compiles.
fn errors(kind: Kind, options: TokenStream, item: TokenStream) -> Vec<String> {
    let expansion = syn::parse2::<syn::File>(entry(kind, options, item)).expect("it is items");
    let (errors, rest): (Vec<_>, Vec<_>) = expansion
        .items
        .into_iter()
        .partition(|item| matches!(item, syn::Item::Macro(_)));
    assert!(
        matches!(&rest[..], [syn::Item::Fn(stub)] if stub.sig.asyncness.is_none()),
        "a function stays, so that the compiler does not miss `main`"
    );
    errors
        .into_iter()
        .map(|error| match error {
            syn::Item::Macro(error) => {
                let message: syn::LitStr = error.mac.parse_body().expect("one string");
                message.value()
            }
            _ => unreachable!("partitioned"),
        })
        .collect()
}

fn error(kind: Kind, options: TokenStream, item: TokenStream) -> String {
    let mut errors = errors(kind, options, item);
    assert_eq!(errors.len(), 1, "{errors:?}");
    errors.remove(0)
}

#[test]
fn main_runs_the_function_on_a_builder() {
    assert_expands(
        Kind::Main,
        quote!(),
        quote! {
            /// Saves.
            async fn main() -> io::Result<()> { save().await }
        },
        quote! {
            /// Saves.
            fn main() -> io::Result<()> {
                async fn main() -> io::Result<()> { save().await }
                match ::ringmesh::Builder::new().run(main()) {
                    ::core::result::Result::Ok(output) => output,
                    ::core::result::Result::Err(error) => {
                        ::std::eprintln!("error: {error}");
                        ::std::process::exit(1)
                    },
                }
            }
        },
    );
}

#[test]
fn test_has_one_shard_and_panics_without_a_runtime() {
    assert_expands(
        Kind::Test,
        quote!(),
        quote! {
            #[should_panic]
            async fn fails() { panic!() }
        },
        quote! {
            #[should_panic]
            #[::core::prelude::v1::test]
            fn fails() {
                async fn fails() { panic!() }
                match ::ringmesh::Builder::new().shards(1).run(fails()) {
                    ::core::result::Result::Ok(output) => output,
                    ::core::result::Result::Err(error) =>
                        ::std::panic!("the runtime did not start: {error}"),
                }
            }
        },
    );
}

#[test]
fn options_become_builder_calls() {
    let expansion = entry(
        Kind::Test,
        quote!(
            shards = 2,
            driver = "uring",
            name = "probe",
            crate = "crate::runtime",
        ),
        quote!(
            async fn probe() {}
        ),
    )
    .to_string();
    let builder = quote! {
        crate::runtime::Builder::new()
            .shards(2)
            .thread_name_prefix("probe")
            .driver(crate::runtime::DriverKind::Uring)
            .run(probe())
    };
    assert!(expansion.contains(&builder.to_string()), "{expansion}");
}

#[test]
fn shards_may_be_any_expression() {
    let expansion = entry(
        Kind::Main,
        quote!(shards = N * 2),
        quote!(
            async fn main() {}
        ),
    );
    let call = quote!(.shards(N * 2)).to_string();
    assert!(expansion.to_string().contains(&call), "{expansion}");
}

#[test]
fn crate_may_be_a_path() {
    let expansion = entry(
        Kind::Main,
        quote!(crate = mesh::rt),
        quote!(
            async fn main() {}
        ),
    );
    let call = quote!(mesh::rt::Builder::new()).to_string();
    assert!(expansion.to_string().contains(&call), "{expansion}");
}

#[test]
fn an_argument_is_given_the_handle() {
    let expansion = entry(
        Kind::Main,
        quote!(driver = "auto"),
        quote!(
            async fn main(handle: ringmesh::Handle) {}
        ),
    )
    .to_string();
    let inner = quote!(
        async fn main(handle: ringmesh::Handle) {}
    )
    .to_string();
    assert!(expansion.contains(&inner), "{expansion}");
    let call = quote!(.run(async { main(::ringmesh::Handle::current()).await })).to_string();
    assert!(expansion.contains(&call), "{expansion}");
    assert!(
        expansion.contains("fn main () {"),
        "the outer one has no argument"
    );
}

#[test]
fn a_function_that_is_not_async_is_told_what_to_write() {
    let message = error(
        Kind::Main,
        quote!(),
        quote!(
            fn main() {}
        ),
    );
    assert_eq!(
        message,
        "#[ringmesh::main] runs an async function: write `async fn main`"
    );
}

#[test]
fn two_arguments_are_too_many() {
    let message = error(
        Kind::Main,
        quote!(),
        quote!(
            async fn main(handle: Handle, more: u32) {}
        ),
    );
    assert!(
        message.ends_with("the runtime's handle: `handle: ringmesh::Handle`"),
        "{message}"
    );
}

#[test]
fn a_method_is_no_entry() {
    let message = error(
        Kind::Test,
        quote!(),
        quote!(
            async fn check(&self) {}
        ),
    );
    assert_eq!(
        message,
        "#[ringmesh::test] takes a free function, not a method"
    );
}

#[test]
fn a_generic_function_is_no_entry() {
    let message = error(
        Kind::Test,
        quote!(),
        quote!(
            async fn check<T>() {}
        ),
    );
    assert_eq!(
        message,
        "#[ringmesh::test] calls the function itself, so it cannot be generic"
    );
}

#[test]
fn qualifiers_are_named() {
    let message = error(
        Kind::Main,
        quote!(),
        quote!(
            async unsafe fn main() {}
        ),
    );
    assert_eq!(
        message,
        "#[ringmesh::main] does not take a function that is `unsafe`"
    );
}

#[test]
fn a_second_test_attribute_is_found() {
    let message = error(
        Kind::Test,
        quote!(),
        quote!(
            #[test]
            async fn check() {}
        ),
    );
    assert!(message.contains("remove this one"), "{message}");
}

#[test]
fn no_shards_are_too_few() {
    let message = error(
        Kind::Main,
        quote!(shards = 0),
        quote!(
            async fn main() {}
        ),
    );
    assert!(
        message.starts_with("a runtime needs at least one shard"),
        "{message}"
    );
    let message = error(
        Kind::Main,
        quote!(shards = 65_537),
        quote!(
            async fn main() {}
        ),
    );
    assert_eq!(message, "a runtime has at most 65536 shards");
}

#[test]
fn options_of_the_wrong_kind_are_told_the_right_one() {
    for (options, expected) in [
        (
            quote!(shards = "2"),
            "`shards` is a number: write `shards = 2`",
        ),
        (
            quote!(driver = uring),
            "`driver` is a string: write `driver = \"..\"`",
        ),
        (
            quote!(name = 3),
            "`name` is a string: write `name = \"..\"`",
        ),
        (
            quote!(crate = "a b"),
            "`crate` is the path of the ringmesh crate: write `crate = \"::ringmesh\"`",
        ),
        (
            quote!(driver = "epoll"),
            "there is no driver \"epoll\": write \"uring\" or \"auto\"",
        ),
        (
            quote!(shards),
            "write `shards = ..`; known are `shards`, `driver`, `name` and `crate`",
        ),
        (quote!(shards = 1, shards = 2), "`shards` is given twice"),
    ] {
        assert_eq!(
            error(
                Kind::Main,
                options,
                quote!(
                    async fn main() {}
                )
            ),
            expected
        );
    }
}

/// Someone who comes from tokio writes tokio's options first.
#[test]
fn unknown_options_are_told_the_known_ones() {
    let main = || {
        quote!(
            async fn main() {}
        )
    };
    let message = error(Kind::Main, quote!(colour = 3), main());
    assert_eq!(
        message,
        "there is no option `colour`; known are `shards`, `driver`, `name` and `crate`"
    );
    let message = error(Kind::Main, quote!(worker_threads = 4), main());
    assert!(message.ends_with("write `shards = ..`"), "{message}");
    let message = error(Kind::Main, quote!(flavor = "current_thread"), main());
    assert!(message.contains("`shards = 1`"), "{message}");
}

#[test]
fn all_errors_are_reported_at_once() {
    let errors = errors(
        Kind::Main,
        quote!(shards = 0),
        quote!(
            fn main(a: u8, b: u8) {}
        ),
    );
    assert_eq!(errors.len(), 3, "{errors:?}");
}

#[test]
fn something_that_is_no_function_stays_as_it_is() {
    let expansion = entry(
        Kind::Main,
        quote!(),
        quote!(
            struct Main;
        ),
    )
    .to_string();
    assert!(expansion.contains("goes on an `async fn`"), "{expansion}");
    assert!(
        expansion.ends_with(
            &quote!(
                struct Main;
            )
            .to_string()
        ),
        "{expansion}"
    );
}
