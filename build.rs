//! Compiles `proto/` to Rust without a system protoc, and `ui/` with Slint.

fn main() -> Result<(), Box<dyn std::error::Error>> {
    println!("cargo:rerun-if-changed=proto");
    let descriptors = protox::compile(["proto/wire.proto"], ["proto"])?;
    prost_build::Config::new()
        .bytes(["."])
        .compile_fds(descriptors)?;
    #[cfg(feature = "gui")]
    compile_window()?;
    Ok(())
}

/// Debug info names the elements for tests; it costs a few kilobytes.
#[cfg(feature = "gui")]
fn compile_window() -> Result<(), Box<dyn std::error::Error>> {
    let config = slint_build::CompilerConfiguration::new()
        .with_style("fluent".into())
        .with_debug_info(true)
        // One catalogue for texts of the window and of Rust alike.
        .with_bundled_translations("ui/lang")
        .with_default_translation_context(slint_build::DefaultTranslationContext::None);
    slint_build::compile_with_config("ui/app.slint", config)?;
    Ok(())
}
