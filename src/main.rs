//! The command `swarmplay`. Everything is in the library; see `swarmplay::cli`.

fn main() -> std::process::ExitCode {
    swarmplay::cli::main()
}
