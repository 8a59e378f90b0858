//! Downloads public data sets: with progress, resumable, checked.

use anyhow::{Context, Result, bail, ensure};
use flate2::read::GzDecoder;
use indicatif::{ProgressBar, ProgressStyle};
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read};
use std::path::Path;
use vaelet_model::sha256_hex;

/// A public data set and its address.
pub struct DataSet {
    url: &'static str,
    /// Names, each with the SHA-256 of its unpacked contents: the packed ones differ between
    /// mirrors.
    files: [(&'static str, &'static str); 4],
}

/// Handwritten digits.
pub const MNIST: DataSet = DataSet {
    url: "https://ossci-datasets.s3.amazonaws.com/mnist",
    files: [
        (
            "train-images-idx3-ubyte.gz",
            "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
        ),
        (
            "train-labels-idx1-ubyte.gz",
            "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
        ),
        (
            "t10k-images-idx3-ubyte.gz",
            "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
        ),
        (
            "t10k-labels-idx1-ubyte.gz",
            "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
        ),
    ],
};

/// Clothes in the format of MNIST.
pub const FASHION: DataSet = DataSet {
    url: "https://raw.githubusercontent.com/zalandoresearch/fashion-mnist/master/data/fashion",
    files: [
        (
            "train-images-idx3-ubyte.gz",
            "c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888",
        ),
        (
            "train-labels-idx1-ubyte.gz",
            "bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9",
        ),
        (
            "t10k-images-idx3-ubyte.gz",
            "5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b",
        ),
        (
            "t10k-labels-idx1-ubyte.gz",
            "0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34",
        ),
    ],
};

impl DataSet {
    /// Downloads it into `folder`, from its usual address or from `url`. Complete files are kept.
    ///
    /// # Errors
    /// Errors of the server or the disk; received bytes are kept for the next try.
    pub fn fetch(&self, url: Option<&str>, folder: &Path) -> Result<()> {
        files(url.unwrap_or(self.url), folder, &self.files)
    }
}

fn files(url: &str, folder: &Path, files: &[(&str, &str)]) -> Result<()> {
    fs::create_dir_all(folder).with_context(|| format!("cannot create {}", folder.display()))?;
    for (name, sha256) in files {
        let path = folder.join(name);
        if path.exists() && unpacked_sha256(&path).is_ok_and(|found| found == *sha256) {
            println!("{name}: already there");
            continue;
        }
        let part = folder.join(format!("{name}.part"));
        download(&format!("{url}/{name}"), &part)?;
        let found = unpacked_sha256(&part);
        if !found.as_ref().is_ok_and(|found| found == sha256) {
            fs::remove_file(&part)?;
            bail!("{url}/{name} has a wrong checksum; run the command again, or try another --url");
        }
        fs::rename(&part, &path)?;
        println!("{name}: done");
    }
    Ok(())
}

/// Fetches `url` into `part`, after what is already in it.
fn download(url: &str, part: &Path) -> Result<()> {
    let have = part.metadata().map_or(0, |metadata| metadata.len());
    let mut request = ureq::get(url);
    if have > 0 {
        request = request.header("Range", format!("bytes={have}-"));
    }
    let response = match request.call() {
        // The server has no more bytes: the file is complete, or a different one.
        Err(ureq::Error::StatusCode(416)) => return Ok(()),
        response => response.with_context(|| {
            format!("cannot download {url}; check the connection and run the command again")
        })?,
    };
    // A server without support for ranges sends the whole file.
    let resumed = response.status() == 206;
    let mut file = OpenOptions::new()
        .create(true)
        .write(true)
        .append(resumed)
        .truncate(!resumed)
        .open(part)
        .with_context(|| format!("cannot write {}", part.display()))?;
    let start = if resumed { have } else { 0 };
    let length = response.body().content_length();
    let bar = ProgressBar::new(start + length.unwrap_or(0)).with_style(
        ProgressStyle::with_template("{msg} {bar:30} {bytes}/{total_bytes}  {bytes_per_sec}")?,
    );
    bar.set_message(url.rsplit('/').next().unwrap_or(url).to_string());
    bar.set_position(start);
    let mut body = response.into_body().into_reader();
    let copied = io::copy(&mut bar.wrap_read(&mut body), &mut file).with_context(|| {
        format!("the download of {url} was interrupted; run the command again to continue it")
    })?;
    bar.finish_and_clear();
    ensure!(
        length.is_none_or(|length| copied == length),
        "the download of {url} was interrupted after {copied} bytes; run the command again to continue it",
    );
    Ok(())
}

fn unpacked_sha256(path: &Path) -> Result<String> {
    let mut contents = Vec::new();
    GzDecoder::new(File::open(path)?).read_to_end(&mut contents)?;
    Ok(sha256_hex(&contents))
}

#[cfg(test)]
mod tests {
    use super::*;
    use flate2::{Compression, write::GzEncoder};
    use std::io::{BufRead, BufReader, Write};
    use std::net::TcpListener;
    use std::thread;

    /// Serves `contents` from a loopback address; the first of `requests` answers breaks
    /// off half-way.
    fn serve(contents: Vec<u8>, requests: usize) -> String {
        let server = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", server.local_addr().unwrap());
        thread::spawn(move || {
            for i in 0..requests {
                let (mut stream, _) = server.accept().unwrap();
                let head: Vec<String> = BufReader::new(stream.try_clone().unwrap())
                    .lines()
                    .map(Result::unwrap)
                    .take_while(|line| !line.is_empty())
                    .collect();
                let range = head.iter().find_map(|line| {
                    let value = line.to_lowercase();
                    let start = value.strip_prefix("range: bytes=")?.trim_end_matches('-');
                    start.parse::<usize>().ok()
                });
                let rest = &contents[range.unwrap_or(0)..];
                let status = if range.is_some() {
                    "206 Partial Content"
                } else {
                    "200 OK"
                };
                let sent = if i == 0 { rest.len() / 2 } else { rest.len() };
                write!(
                    stream,
                    "HTTP/1.1 {status}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
                    rest.len(),
                )
                .unwrap();
                stream.write_all(&rest[..sent]).unwrap();
            }
        });
        url
    }

    fn packed(contents: &[u8]) -> Vec<u8> {
        let mut gz = GzEncoder::new(Vec::new(), Compression::none());
        gz.write_all(contents).unwrap();
        gz.finish().unwrap()
    }

    #[test]
    fn resumes_where_it_was_cut_off_and_checks() {
        let contents: Vec<u8> = (0..100_000u32)
            .map(|i| (i.wrapping_mul(i) >> 3) as u8)
            .collect();
        let sha256 = sha256_hex(&contents);
        let list = [("data.gz", sha256.as_str())];
        let packed = packed(&contents);
        let url = serve(packed.clone(), 2);
        let dir = tempfile::tempdir().unwrap();

        let error = files(&url, dir.path(), &list).unwrap_err();
        assert!(error.to_string().contains("was interrupted"), "{error:#}");
        let part = dir.path().join("data.gz.part").metadata().unwrap().len();
        assert!(part > 0 && part < packed.len() as u64);

        files(&url, dir.path(), &list).unwrap();
        assert_eq!(fs::read(dir.path().join("data.gz")).unwrap(), packed);
        // The server is gone, and not asked again.
        files(&url, dir.path(), &list).unwrap();
    }

    #[test]
    fn a_foreign_file_is_refused_and_not_kept() {
        let url = serve(packed(b"something else"), 2);
        let dir = tempfile::tempdir().unwrap();
        let list = [("data.gz", "0000")];
        assert!(files(&url, dir.path(), &list).is_err());
        let error = files(&url, dir.path(), &list).unwrap_err();
        assert!(error.to_string().contains("wrong checksum"), "{error:#}");
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);
    }

    #[test]
    fn a_server_that_is_not_there_is_named() {
        let dir = tempfile::tempdir().unwrap();
        let error = files("http://127.0.0.1:9", dir.path(), &[("data.gz", "")]).unwrap_err();
        assert!(
            error.to_string().contains("http://127.0.0.1:9/data.gz"),
            "{error:#}"
        );
    }
}
