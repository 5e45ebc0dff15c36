//! The `kubectl-kmm-preflight` binary: parse, run, print, exit.

use std::io::{ErrorKind, Write};
use std::process::ExitCode;

use kmm_preflight::program::config::{self, Environment, Refusal};
use kmm_preflight::program::{
    EXIT_UNDECIDED, EXIT_USAGE, EXIT_VERIFIED, complete, invocation, printable, run, screen,
};

fn main() -> ExitCode {
    let mut words = std::env::args_os();
    if words
        .next()
        .is_some_and(|program| invocation::is_completion_call(&program))
    {
        let words: Vec<String> = words
            .map(|word| word.to_string_lossy().into_owned())
            .collect();
        let _ = std::io::stdout().write_all(complete::run(&words).stdout.as_bytes());
        return ExitCode::SUCCESS;
    }
    let args = invocation::words(std::env::args_os());
    let (cli, settings) = match config::parse(args, &Environment::of_process()) {
        Ok(parsed) => parsed,
        Err(Refusal::Config(error)) => {
            let text = printable(error.render());
            let _ = std::io::stderr().write_all(screen::for_stderr(&text).as_bytes());
            return ExitCode::from(error.exit_code());
        }
        Err(Refusal::Clap(message)) => {
            let failed_to_print = message.print().is_err();
            let usage = message.use_stderr() || failed_to_print;
            return ExitCode::from(if usage { EXIT_USAGE } else { EXIT_VERIFIED });
        }
    };
    let (stdout, mut stderr, mut code) = match run(cli, &settings) {
        Ok(done) => (done.stdout, done.stderr, done.exit_code),
        Err(error) => (String::new(), error.render(), error.exit_code()),
    };
    let mut out = std::io::stdout();
    let printed = out.write_all(stdout.as_bytes()).and_then(|()| out.flush());
    // A reader that has gone away (`| head`) is no error, and there is nobody left to tell.
    if let Err(fault) = printed
        && fault.kind() != ErrorKind::BrokenPipe
    {
        stderr.push_str(&format!(
            "error: cannot write to stdout: {fault}\n\
             hint: Free some space, or redirect the output elsewhere.\n"
        ));
        if code == EXIT_VERIFIED {
            code = EXIT_UNDECIDED;
        }
    }
    let _ = std::io::stderr().write_all(screen::for_stderr(&printable(stderr)).as_bytes());
    ExitCode::from(code)
}
