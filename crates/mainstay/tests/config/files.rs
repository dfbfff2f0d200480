//! Files that are no usable files.

use std::fs;
use std::os::unix::fs::symlink;

use super::{copy_of, load, problems};

#[test]
fn a_file_that_is_not_utf8_is_named_with_the_line() {
    let folder = copy_of("base");
    let path = folder.path().join("agents/helper/agent.toml");
    fs::write(&path, b"[agent]\nname = \"h\xff\"\n").unwrap();
    assert_eq!(problems(folder.path()), "agents/helper/agent.toml: the file is not UTF-8 (byte 10 of line 2)\n");
    let folder = copy_of("good");
    fs::write(folder.path().join("agents/returns/knowledge/bad.md"), b"# \xc3\x28").unwrap();
    assert_eq!(problems(folder.path()), "agents/returns/knowledge/bad.md: the file is not UTF-8 (byte 3 of line 1)\n");
}

#[test]
fn a_byte_order_mark_and_windows_line_ends_do_no_harm() {
    let folder = copy_of("base");
    let path = folder.path().join("agents/helper/agent.toml");
    let text = fs::read_to_string(&path).unwrap().replace('\n', "\r\n");
    fs::write(&path, format!("\u{feff}{text}")).unwrap();
    assert!(load(folder.path()).is_ok());
    fs::write(&path, format!("\u{feff}{}", text.replace("owner", "ownr"))).unwrap();
    let said = problems(folder.path());
    assert!(said.contains("    4 | ownr = \"team@shop.example\"\n      | ^^^^\n"), "{said}");
}

#[test]
fn a_file_of_more_than_a_mebibyte_is_not_read() {
    let folder = copy_of("base");
    fs::write(folder.path().join("mainstay.toml"), "#".repeat(1024 * 1024 + 1)).unwrap();
    fs::write(folder.path().join("agents/helper/instructions.md"), "a ".repeat(40_000)).unwrap();
    assert_eq!(
        problems(folder.path()),
        "mainstay.toml: the file is larger than 1024 KiB\n\
         \nagents/helper/instructions.md: the instructions are longer than 64 KiB\n   \
         hint: facts belong into knowledge/, where they are found when they are needed\n"
    );
}

#[test]
fn links_are_followed_inside_the_folder_and_not_out_of_it() {
    let outside = tempfile::TempDir::new().unwrap();
    fs::write(outside.path().join("secret.md"), "# Secret").unwrap();
    fs::create_dir(outside.path().join("agent")).unwrap();
    fs::write(outside.path().join("agent/agent.toml"), "[agent]").unwrap();

    let folder = copy_of("good");
    let agent = folder.path().join("agents/returns");
    // As mounted configurations are laid out.
    fs::rename(agent.join("instructions.md"), agent.join("data.md")).unwrap();
    symlink("data.md", agent.join("instructions.md")).unwrap();
    assert!(load(folder.path()).is_ok());

    symlink(outside.path().join("secret.md"), agent.join("knowledge/linked.md")).unwrap();
    symlink(outside.path(), agent.join("knowledge/folder")).unwrap();
    symlink("nowhere.md", agent.join("knowledge/dangling.md")).unwrap();
    symlink(outside.path().join("agent"), folder.path().join("agents/linked")).unwrap();
    assert_eq!(
        problems(folder.path()),
        "agents/linked/agent.toml: this path leads out of the folder\n\
         \nagents/returns/knowledge/dangling.md: there is no such file\n\
         \nagents/returns/knowledge/folder: this path leads out of the folder\n\
         \nagents/returns/knowledge/linked.md: this path leads out of the folder\n"
    );
}

#[test]
fn a_folder_or_a_socket_in_place_of_a_file_is_refused_and_never_opened() {
    let folder = copy_of("base");
    fs::create_dir(folder.path().join("agents/helper/playbooks.toml")).unwrap();
    let instructions = folder.path().join("agents/helper/instructions.md");
    fs::remove_file(&instructions).unwrap();
    let _socket = std::os::unix::net::UnixListener::bind(&instructions).unwrap();
    assert_eq!(
        problems(folder.path()),
        "agents/helper/instructions.md: this is not a regular file\n\
         \nagents/helper/playbooks.toml: this is not a regular file\n"
    );
}

#[test]
fn a_link_that_turns_in_a_circle_ends() {
    let folder = copy_of("good");
    symlink("..", folder.path().join("agents/returns/knowledge/up")).unwrap();
    let said = problems(folder.path());
    assert!(said.contains("folders are nested more than 16 deep"), "{said}");
    assert!(said.len() < 20_000);
}

#[test]
fn a_root_that_is_no_folder_is_named() {
    let folder = copy_of("base");
    let file = folder.path().join("mainstay.toml");
    assert_eq!(problems(&file), format!("{}: this is not a folder\n", file.display()));
    let nowhere = folder.path().join("nowhere");
    assert_eq!(problems(&nowhere), format!("{}: there is no such file\n", nowhere.display()));
}
