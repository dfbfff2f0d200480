use tempfile::TempDir;

use super::*;

const FOR: &[&str] = &["https://a.example", "Otel", "redacted"];

fn folder() -> TempDir {
    tempfile::tempdir().unwrap()
}

fn open(root: &TempDir) -> Spool {
    Spool::open(root.path(), "a", FOR, 1_000_000).unwrap()
}

fn batch(text: &str) -> Batch {
    Batch { runs: 3, spans: 20, bytes: Bytes::from(text.to_owned()) }
}

/// Everything in it, oldest first; what was set aside as its runs.
fn drain(spool: &mut Spool) -> Vec<Result<Batch, u64>> {
    let mut found = Vec::new();
    while let Some((number, spooled)) = spool.read(0) {
        found.push(match spooled {
            Spooled::Batch(batch) => Ok(batch),
            Spooled::SetAside(runs) => Err(runs),
        });
        spool.remove(number);
    }
    found
}

fn files(root: &TempDir) -> Vec<String> {
    let names = fs::read_dir(root.path().join("a")).unwrap().map(|entry| entry.unwrap().file_name());
    let mut names: Vec<String> = names.map(|name| name.into_string().unwrap()).collect();
    names.sort();
    names
}

#[test]
fn what_was_put_in_comes_out_in_order_in_the_next_process_too() {
    let root = folder();
    let mut spool = open(&root);
    assert_eq!(["1", "2"].map(|text| spool.push(&batch(text)).unwrap()), [0, 0]);
    drop(spool);
    let mut next = open(&root);
    next.push(&batch("3")).unwrap();
    assert_eq!(drain(&mut next), ["1", "2", "3"].map(|text| Ok(batch(text))));
    assert_eq!((next.bytes(), next.len()), (0, 0));
    assert_eq!(files(&root), ["lock"]);
}

#[test]
fn the_oldest_make_room_for_newer_ones_and_their_runs_are_counted() {
    let root = folder();
    let each = (HEAD + 100) as u64;
    let mut spool = Spool::open(root.path(), "a", FOR, 2 * each).unwrap();
    let texts = ["1", "2", "3"].map(|text| text.repeat(100));
    assert_eq!([0, 1, 2].map(|index| spool.push(&batch(&texts[index])).unwrap()), [0, 0, 3]);
    assert_eq!(spool.bytes(), 2 * each);
    assert_eq!(spool.push(&batch(&"x".repeat(1000))).unwrap(), 3, "larger than the whole spool");
    assert_eq!(drain(&mut spool), [Ok(batch(&texts[1])), Ok(batch(&texts[2]))]);
}

#[test]
fn a_file_that_is_torn_or_changed_or_foreign_is_set_aside_and_the_others_are_read() {
    let root = folder();
    let mut spool = open(&root);
    for text in ["torn", "changed", "empty", "foreign", "whole"] {
        spool.push(&batch(text)).unwrap();
    }
    drop(spool);
    let path = |number: u32| root.path().join("a").join(format!("{number:020}.otlp"));
    let mut torn = fs::read(path(1)).unwrap();
    torn.pop();
    fs::write(path(1), &torn).unwrap();
    let mut changed = fs::read(path(2)).unwrap();
    *changed.last_mut().unwrap() ^= 1;
    fs::write(path(2), &changed).unwrap();
    fs::write(path(3), "").unwrap();
    fs::write(path(4), [0xff; 500]).unwrap();
    let mut spool = open(&root);
    assert_eq!(drain(&mut spool), [Err(3), Err(3), Err(1), Err(1), Ok(batch("whole"))]);
    assert_eq!(files(&root), ["last.aside", "lock"], "what is set aside cannot fill the disk");
}

#[test]
fn what_was_made_for_another_endpoint_or_policy_is_never_sent() {
    let root = folder();
    open(&root).push(&batch("for a")).unwrap();
    let other = &["https://b.example", "Otel", "redacted"];
    let mut spool = Spool::open(root.path(), "a", other, 1_000_000).unwrap();
    assert_eq!(drain(&mut spool), [Err(3)]);
    // Parts that only look the same when they are joined are not the same.
    assert_ne!(fingerprint(&["ab", "c"]), fingerprint(&["a", "bc"]));
}

#[test]
fn names_that_are_not_ours_are_left_alone_and_a_write_that_never_ended_is_cleaned_up() {
    let root = folder();
    drop(open(&root));
    let write = |name: &str| fs::write(root.path().join("a").join(name), "x").unwrap();
    ["notes.txt", "1.otlp", "00000000000000000007.tmp", "0000000000000000000a.otlp"].into_iter().for_each(write);
    fs::create_dir(root.path().join("a").join("00000000000000000009.otlp")).unwrap();
    let mut spool = open(&root);
    assert_eq!(drain(&mut spool), []);
    let expected = ["0000000000000000000a.otlp", "00000000000000000009.otlp", "1.otlp", "lock", "notes.txt"];
    let mut expected = expected.to_vec();
    expected.sort_unstable();
    assert_eq!(files(&root), expected);
}

#[test]
fn a_file_that_vanished_costs_its_runs_and_nothing_else() {
    let root = folder();
    let mut spool = open(&root);
    assert_eq!(["1", "2"].map(|text| spool.push(&batch(text)).unwrap()), [0, 0]);
    fs::remove_file(spool.path(1)).unwrap();
    assert_eq!(drain(&mut spool), [Err(1), Ok(batch("2"))]);
}

#[test]
fn a_second_process_takes_a_folder_of_its_own_and_gets_the_first_one_when_it_is_free() {
    let root = folder();
    let mut first = open(&root);
    first.push(&batch("1")).unwrap();
    let mut second = open(&root);
    assert_eq!(drain(&mut second), []);
    second.push(&batch("2")).unwrap();
    drop((first, second));
    assert_eq!(drain(&mut open(&root)), [Ok(batch("1"))]);
}

#[cfg(unix)]
#[test]
fn only_we_may_read_it() {
    use std::os::unix::fs::PermissionsExt;
    let root = folder();
    let mut spool = open(&root);
    spool.push(&batch("1")).unwrap();
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&root.path().join("a")), 0o700);
    assert_eq!([mode(&spool.path(1)), mode(&root.path().join("a").join("lock"))], [0o600, 0o600]);
}

#[test]
fn a_folder_that_cannot_be_made_is_an_error_that_names_it() {
    let root = folder();
    fs::write(root.path().join("file"), "").unwrap();
    let error = Spool::open(&root.path().join("file"), "a", FOR, 1).unwrap_err();
    assert!(error.to_string().contains("file/a"), "{error}");
}

#[test]
fn a_spool_whose_folder_went_away_says_so_and_keeps_its_count_right() {
    let root = folder();
    let mut spool = open(&root);
    fs::remove_dir_all(root.path().join("a")).unwrap();
    assert!(spool.push(&batch("1")).is_err());
    assert_eq!((spool.bytes(), spool.len()), (0, 0));
}
