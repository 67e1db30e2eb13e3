//! What must and what must not be found after a cut, on sequences made by hand.

use super::*;
use crate::{fate::SECTOR_BYTES, readable::recorded};

const CREATED: &str = r#"1 openat(AT_FDCWD</>, "/r/f", O_RDWR|O_CREAT) = 3</r/f>
1 openat(AT_FDCWD</>, "/r", O_RDONLY) = 4</r>
"#;

/// What the file `f` is found to be after each of many cuts at the end; `None` where it is not there.
fn found(text: &str, syncs: Syncs) -> Vec<Option<Vec<u8>>> {
    let recording = recorded(&format!("{CREATED}{text}")).unwrap();
    let mut disk = Disk::new(&recording, syncs);
    disk.play_to(recording.lines);
    let images = Kind::ALL
        .into_iter()
        .flat_map(|kind| (0..256).map(move |salt| (kind, salt)));
    images
        .map(|(kind, salt)| {
            let files = disk.image(kind, salt).files;
            files
                .into_iter()
                .find_map(|(path, content)| (path == Path::new("f")).then_some(content))
        })
        .collect()
}

fn write(data: &str, at: usize) -> String {
    format!("1 pwrite64(3</r/f>, \"{data}\", {}, {at}) = {0}\n", data.len())
}

const SYNC: &str = "1 fdatasync(3</r/f>) = 0\n1 fsync(4</r>) = 0\n";

#[test]
fn what_was_synced_is_there_whatever_becomes_of_the_rest() {
    let text = format!("{}{SYNC}{}", write("abc", 0), write("def", 3));
    for content in found(&text, Syncs::All) {
        assert!(content.unwrap().starts_with(b"abc"));
    }
}

#[test]
fn what_was_not_synced_may_be_there_or_not() {
    let text = format!("{}{SYNC}{}", write("abc", 0), write("def", 3));
    let all = found(&text, Syncs::All);
    for expected in [&b"abc"[..], b"abcdef", b"abc\0\0\0"] {
        let there = all.iter().flatten().any(|content| content == expected);
        assert!(there, "{expected:?}");
    }
    let noise =
        |content: &&Vec<u8>| content.len() == 6 && !content.ends_with(b"def") && !content.ends_with(b"\0");
    assert!(all.iter().flatten().any(|content| noise(&content)));
}

#[test]
fn a_sync_counts_for_nothing_where_it_is_said_to() {
    let text = format!("{}{SYNC}", write("abc", 0));
    assert!(
        found(&text, Syncs::All)
            .iter()
            .all(|content| content.as_deref() == Some(b"abc"))
    );
    assert!(found(&text, Syncs::None).iter().any(Option::is_none));
    assert!(found(&text, Syncs::OfFiles).iter().any(Option::is_none));
    // The last one is that of the folder.
    let last = found(&text, Syncs::LastAlone);
    assert!(last.iter().any(|content| content.as_deref() == Some(b"")));
    assert!(last.iter().all(Option::is_some));
}

#[test]
fn a_file_that_was_synced_may_have_no_name_and_a_name_no_content() {
    let written = write("abc", 0);
    let without_folder = found(&format!("{written}1 fsync(3</r/f>) = 0"), Syncs::All);
    assert!(without_folder.iter().any(Option::is_none));
    assert!(without_folder.iter().flatten().all(|content| content == b"abc"));
    let without_file = found(&format!("{written}1 fsync(4</r>) = 0"), Syncs::All);
    assert!(without_file.iter().all(Option::is_some));
    assert!(without_file.iter().flatten().any(Vec::is_empty));
}

#[test]
fn sync_file_range_makes_nothing_certain() {
    let text = format!(
        "{SYNC}{}1 sync_file_range(3</r/f>, 0, 3, SYNC_FILE_RANGE_WRITE) = 0",
        write("abc", 0)
    );
    assert!(found(&text, Syncs::All).iter().flatten().any(Vec::is_empty));
}

#[test]
fn a_write_beside_a_sync_is_not_certain() {
    let text = r#"1 fsync(4</r>) = 0
1 pwrite64(3</r/f>, "abc", 3, 0 <unfinished ...>
2 fsync(3</r/f> <unfinished ...>
1 <... pwrite64 resumed>) = 3
2 <... fsync resumed>) = 0"#;
    assert!(found(text, Syncs::All).iter().flatten().any(Vec::is_empty));
    let after = r#"1 fsync(4</r>) = 0
1 pwrite64(3</r/f>, "abc", 3, 0 <unfinished ...>
1 <... pwrite64 resumed>) = 3
2 fsync(3</r/f> <unfinished ...>
2 <... fsync resumed>) = 0"#;
    assert!(
        found(after, Syncs::All)
            .iter()
            .flatten()
            .all(|content| content == b"abc")
    );
}

#[test]
fn a_write_is_torn_between_sectors_and_in_any_order_and_never_within_one() {
    let text = format!(
        "{}{SYNC}{}",
        write(&"a".repeat(2_048), 0),
        write(&"b".repeat(2_048), 0)
    );
    let mut seen = std::collections::BTreeSet::new();
    for content in found(&text, Syncs::All).into_iter().flatten() {
        let sectors: Vec<_> = content.chunks(SECTOR_BYTES).map(<[u8]>::to_vec).collect();
        for sector in &sectors {
            assert!(sector.iter().all(|byte| *byte == sector[0]), "a sector is torn");
        }
        seen.insert(
            sectors
                .iter()
                .map(|sector| char::from(sector[0]))
                .collect::<String>(),
        );
    }
    for pattern in ["aaaa", "bbbb", "baaa", "bbaa", "bbba", "aaab", "abab"] {
        assert!(seen.contains(pattern), "{pattern} among {seen:?}");
    }
}

#[test]
fn what_a_later_write_lies_over_does_not_come_back() {
    let text = format!("{}{}{SYNC}", write("aaa", 0), write("bbb", 0));
    assert!(
        found(&text, Syncs::All)
            .iter()
            .all(|content| content.as_deref() == Some(b"bbb"))
    );
}

#[test]
fn a_file_that_was_cut_may_have_its_end_again() {
    let text = format!("{}{SYNC}1 ftruncate(3</r/f>, 1) = 0", write("abc", 0));
    let all = found(&text, Syncs::All);
    assert!(all.iter().flatten().any(|content| content == b"abc"));
    assert!(all.iter().flatten().any(|content| content == b"a"));
}

#[test]
fn a_rename_takes_the_name_away_and_gives_it_at_once() {
    let text = format!("{}{SYNC}1 rename(\"/r/f\", \"/r/g\") = 0", write("abc", 0));
    let recording = recorded(&format!("{CREATED}{text}")).unwrap();
    let mut disk = Disk::new(&recording, Syncs::All);
    disk.play_to(recording.lines);
    let names: std::collections::BTreeSet<_> = Kind::ALL
        .into_iter()
        .flat_map(|kind| (0..32).map(move |salt| (kind, salt)))
        .map(|(kind, salt)| {
            let files = disk.image(kind, salt).files;
            files
                .into_iter()
                .map(|(path, content)| {
                    assert_eq!(content, b"abc");
                    path
                })
                .collect::<Vec<_>>()
        })
        .collect();
    assert_eq!(names, [vec!["f".into()], vec!["g".into()]].into());
}

#[test]
fn what_was_printed_is_known_before_the_call_is_back() {
    let text = "1 write(1</dev/null>, \"said\", 4 <unfinished ...>\n1 <... write resumed>) = 4";
    let recording = recorded(&format!("{CREATED}{text}")).unwrap();
    let mut disk = Disk::new(&recording, Syncs::All);
    disk.play_to(2);
    assert_eq!(disk.printed(), b"");
    disk.play_to(3);
    assert_eq!(disk.printed(), b"said");
}
