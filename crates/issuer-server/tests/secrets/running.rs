//! The real server: its log, its answers, and every file that it leaves.

use std::{fs, path::Path};

use crate::{
    marks::{API_KEY, CLIENT_KEY, Marks},
    program::{Home, Server, Store},
    requests::{keys_json, send_all, send_to_a_failing_store, token_of},
};

/// A home whose signing key is marked.
pub(crate) fn home(store: Store) -> Home {
    let home = Home::on(store);
    fs::create_dir(home.data_dir()).unwrap();
    write_private(&home.data_dir().join("keys.json"), &keys_json());
    home
}

pub(crate) fn write_private(path: &Path, text: &str) {
    fs::write(path, text).unwrap();
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        fs::set_permissions(path, fs::Permissions::from_mode(0o600)).unwrap();
    }
}

fn serve(home: &Home) -> Server {
    let mut command = home.command(&["serve", "--listen", "127.0.0.1:0"]);
    Server::start(
        command
            .env("ISSUER_API_KEY", API_KEY)
            .env("ISSUER_CLIENT_KEY", CLIENT_KEY),
    )
}

/// Every file under this folder but the keys; how many there were.
pub(crate) fn look_through(marks: &Marks, folder: &Path) -> usize {
    let mut count = 0;
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let kind = fs::symlink_metadata(&path).unwrap().file_type();
        if kind.is_dir() {
            count += look_through(marks, &path);
        } else if kind.is_file() && !path.ends_with("keys.json") {
            marks.are_not_in(&path.display().to_string(), &fs::read(&path).unwrap());
            count += 1;
        }
    }
    count
}

fn nothing_leaks(store: Store) {
    let home = home(store);
    let mut marks = Marks::new();
    let server = serve(&home);
    send_all(server.address(), &mut marks);
    // While it runs, and what it leaves when it is killed and when it stops.
    assert!(look_through(&marks, &home.data_dir()) > 0);
    let log = server.stop();
    assert!(log.contains("answered"), "{log}");
    marks.are_not_in("the log", log.as_bytes());
    let server = serve(&home);
    token_of(server.address(), &mut marks, "amy");
    marks.are_not_in("the log of a server that stops", server.stop().as_bytes());
    assert!(look_through(&marks, &home.data_dir()) > 0);
}

#[test]
fn nothing_leaks_from_a_server_over_sqlite() {
    nothing_leaks(Store::Sqlite);
}

#[test]
fn nothing_leaks_from_a_server_over_sled() {
    nothing_leaks(Store::Sled);
}

#[test]
fn nothing_leaks_when_the_store_fails() {
    let home = home(Store::Sqlite);
    let mut marks = Marks::new();
    let server = serve(&home);
    let token = token_of(server.address(), &mut marks, "amy");
    let connection = rusqlite::Connection::open(home.data_dir().join("issuer.db")).unwrap();
    let tables: Vec<String> = connection
        .prepare("SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%'")
        .unwrap()
        .query_map([], |row| row.get(0))
        .unwrap()
        .map(Result::unwrap)
        .collect();
    connection.execute_batch("PRAGMA foreign_keys = OFF").unwrap();
    for table in tables.iter().filter(|table| *table != "control") {
        connection
            .execute_batch(&format!("ALTER TABLE {table} RENAME TO gone_{table}"))
            .unwrap();
    }
    send_to_a_failing_store(server.address(), &marks, &token);
    let log = server.stop();
    assert!(log.contains("the store failed"), "{log}");
    marks.are_not_in("the log", log.as_bytes());
}

#[test]
fn a_mark_in_a_file_of_the_folder_is_found() {
    let home = home(Store::Sqlite);
    let leak = home.data_dir().join("deep");
    fs::create_dir(&leak).unwrap();
    fs::write(leak.join("core"), format!("\0\0{API_KEY}\0")).unwrap();
    let folder = home.data_dir();
    let found = std::panic::catch_unwind(|| look_through(&Marks::new(), &folder)).unwrap_err();
    let said = found.downcast_ref::<String>().unwrap();
    assert!(said.starts_with("the API key stands as it is in"), "{said}");
}
