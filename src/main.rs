//! The `quant` binary: hands the arguments to the library and its answer to the system.

fn main() -> std::process::ExitCode {
    quant::cli::main()
}
