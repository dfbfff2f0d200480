//! Secrets are referred to, never written out; and one that is written out all the same is never printed.

use std::fs;
use std::path::Path;

use mainstay::config::secret::{SecretError, SecretRef};
use tempfile::TempDir;

use super::{configs, copy_of, load};

const CANARY: &str = "hunter2Canary0123456789";

#[test]
fn a_secret_in_the_file_is_a_problem_that_does_not_repeat_it() {
    let settings = fs::read_to_string(configs().join("good/mainstay.toml")).unwrap();
    let values = [
        format!("\"{CANARY}\""),
        format!("'{CANARY}'"),
        format!("\"{CANARY}"),
        CANARY.to_owned(),
        format!("\"\"\"\n{CANARY}\n\"\"\""),
        format!("\"\"\"\n{CANARY}\n"),
        format!("[\"{CANARY}\", 1]"),
        format!("{{ env = \"{CANARY}\" }}"),
        format!("{{ text = \"{CANARY}\" }}"),
        format!("{{ command = [\"{CANARY}\", 3] }}"),
        format!("{{ file = 3, more = \"{CANARY}\" }}"),
        format!("\"x\" # {CANARY}"),
        format!("\"x\" {CANARY}"),
        format!("\"https://user:{CANARY}@host.example/\""),
        format!("\"https://host.example/?key={CANARY}\""),
        format!("\"postgres://user:{CANARY}@host/x\""),
    ];
    let mut tried = 0;
    for line in settings.lines().filter(|line| line.contains(" = ")) {
        let key = line.split(" = ").next().unwrap();
        // These hold names, words and times, and one that is not known is said.
        let words = ["provider", "model", "path", "price", "dialect", "protocol", "content"];
        let times = ["lease", "timeout", "connect_timeout", "idle_timeout", "drain", "header_timeout", "body_timeout"];
        if words.contains(&key) || times.contains(&key) || key == "max_body" {
            continue;
        }
        for value in &values {
            for key in [key.to_owned(), format!("{key}x")] {
                // Its agent is small, and read again each time.
                let folder = copy_of("base");
                let changed = settings.replacen(line, &format!("{key} = {value}"), 1);
                fs::write(folder.path().join("mainstay.toml"), changed).unwrap();
                tried += 1;
                let said = match load(folder.path()) {
                    Ok(loaded) => format!("{:?}", loaded.warnings),
                    Err(problems) => format!("{problems}{problems:?}"),
                };
                assert!(!said.contains(CANARY), "{key} = {value}\n{said}");
            }
        }
    }
    assert!(tried > 250, "{tried}");
}

#[test]
fn a_secret_in_a_file_that_should_hold_none_is_not_printed_either() {
    for line in ["api_key = \"CANARY\"", "token = [\"CANARY\", 1]", "password = \"CANARY", "auth = CANARY"] {
        let folder = copy_of("base");
        let path = folder.path().join("agents/helper/agent.toml");
        let text = fs::read_to_string(&path).unwrap();
        fs::write(&path, format!("{}\n{text}", line.replace("CANARY", CANARY))).unwrap();
        let said = load(folder.path()).unwrap_err().to_string();
        assert!(!said.contains(CANARY), "{line}\n{said}");
    }
}

#[tokio::test]
async fn references_are_resolved_when_they_are_needed() {
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("key");
    fs::write(&file, format!("{CANARY}\r\n")).unwrap();
    let command = |words: &[&str]| SecretRef::Command {
        words: words.iter().map(|word| (*word).to_owned()).collect(),
        folder: folder.path().to_owned(),
    };
    for reference in [SecretRef::File(file), command(&["cat", "key"])] {
        assert_eq!(reference.resolve().await.unwrap().expose(), CANARY, "{reference}");
    }
    let path = std::env::var_os("PATH").unwrap();
    assert_eq!(SecretRef::Env("PATH".into()).resolve().await.unwrap().expose(), path.to_str().unwrap());
    // No shell: what looks like one is an argument.
    assert_eq!(command(&["echo", "$(id); x"]).resolve().await.unwrap().expose(), "$(id); x");
}

#[tokio::test]
async fn a_secret_that_cannot_be_had_is_an_error_without_any_of_it() {
    let folder = TempDir::new().unwrap();
    let file = |name: &str, text: &[u8]| {
        fs::write(folder.path().join(name), text).unwrap();
        SecretRef::File(folder.path().join(name))
    };
    let command = |words: &[&str]| SecretRef::Command {
        words: words.iter().map(|word| (*word).to_owned()).collect(),
        folder: folder.path().to_owned(),
    };
    let large = CANARY.repeat(4_000);
    let failures = [
        SecretRef::Env("MAINSTAY_TEST_NOT_SET".into()),
        SecretRef::File(folder.path().join("nowhere")),
        SecretRef::File(folder.path().to_owned()),
        file("empty", b"\n\n"),
        file("binary", &[0xff, 0xfe]),
        file("lines", format!("{CANARY}\n{CANARY}").as_bytes()),
        file("large", large.as_bytes()),
        command(&["no-such-program-here"]),
        command(&["sh", "-c", &format!("echo {CANARY}; echo {CANARY} >&2; exit 3")]),
        command(&["true"]),
    ];
    for reference in failures {
        let error: SecretError = reference.resolve().await.unwrap_err();
        let said = format!("{error} {error:?}");
        assert!(!said.contains(CANARY), "{said}");
    }
    let endless = command(&["cat", "/dev/zero"]).resolve().await.unwrap_err();
    assert!(matches!(endless, SecretError::Command { .. } | SecretError::Unusable(_)), "{endless}");
}

#[test]
fn a_reference_does_not_print_the_arguments_of_its_command() {
    let reference = SecretRef::Command { words: vec!["vault".to_owned(), CANARY.to_owned()], folder: configs() };
    assert_eq!(format!("{reference} {reference:?}"), "command `vault` SecretRef(command `vault`)");
}

#[test]
fn nothing_is_resolved_while_the_configuration_is_read() {
    // The good configuration names variables and programs that are not there.
    assert!(load(Path::new(&configs().join("good"))).is_ok());
}
