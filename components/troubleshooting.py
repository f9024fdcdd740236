"""What can go wrong, why, and what to do: the one source of the advice after a failure and of the page about it.

``python -m components.troubleshooting`` prints the table of docs/troubleshooting.md.
"""

import re
import sys
from dataclasses import dataclass


@dataclass(frozen=True)
class Problem:
    """One kind of failure."""

    key: str
    """Names it in the tests."""
    pattern: str
    """A regular expression that its message matches."""
    message: str
    """What is printed, with an ellipsis for what differs; it has to match the pattern."""
    cause: str
    fix: str
    by_engine: bool = False
    """Whether the engine reports it before or without a resource, so that no advice can follow."""

    @property
    def advice(self) -> str:
        """What a reader of the message needs to know."""
        return f"{self.cause} {self.fix}"


_NEW_HOST_KEY = (
    "If it was installed anew, read its new key on the host itself (cat /etc/ssh/ssh_host_ed25519_key.pub, at its "
    "console or over a connection that is known already) and set it; if not, find out who answers in its place."
)

# A client that proves itself was reached: what its own Docker says of the network is something else.
_NO_PROOF = r"\A(?!.*verification failed at).*"
_BUCKET = r"the bucket can't be used.*"
_ACME = r"no certificate from \S+, and what was served.*"
_NO_CERTIFICATE = "no certificate from acme.example.com, and what was served before is served on: "

PROBLEMS = (
    # What an ACME authority said comes from the server, which was reached.
    Problem(
        "acme-limit",
        _ACME + r"error:rateLimited",
        _NO_CERTIFICATE + "acme: error: 429 :: urn:ietf:params:acme:error:rateLimited :: …",
        "The authority has given too many certificates for the name, or was asked in vain too often.",
        "Its words name the limit, and when to try again. Until then leave the settings of the certificate as they "
        "were: what is served is renewed on. To try things out, set private-registry:certificate.directory to the "
        "authority's for tests.",
    ),
    Problem(
        "acme-record",
        _ACME + r"(error:dns|could not resolve|NXDOMAIN|SERVFAIL|error:caa)",
        _NO_CERTIFICATE + "… urn:ietf:params:acme:error:dns :: DNS problem: NXDOMAIN looking up A for …",
        "The authority finds no address for private-registry:domain in the DNS, or a record (CAA) that forbids it.",
        "Make an A or AAAA record that leads to the server, and wait until others see it: dig +short DOMAIN @1.1.1.1. "
        "For a name that only your network knows take challenge: dns-01.",
    ),
    Problem(
        "acme-port",
        _ACME + r"error:connection",
        _NO_CERTIFICATE + "… urn:ietf:params:acme:error:connection :: …: Timeout during connect",
        "The authority does not get to port 80 of the address that private-registry:domain has in the DNS.",
        "The address has to be the server's, and port 80 open to everybody, in the firewall of the provider too. Where "
        "that can't be, take challenge: dns-01.",
    ),
    Problem(
        "acme-account",
        _ACME + r"(xternal ?[Aa]ccount|Could not complete registration|[cC]ontact|userActionRequired|illegal base64)",
        _NO_CERTIFICATE + "Server requires External Account Binding …",
        "The authority refuses the account.",
        "Its words tell why. Where it wants one that is bound to yours there, set "
        "private-registry:certificate.externalAccountKeyId and externalAccountKey to what it shows for ACME; some "
        "authorities let each be used once.",
    ),
    Problem(
        "acme-profile",
        _ACME + r"(invalidProfile|profile)",
        _NO_CERTIFICATE + "… urn:ietf:params:acme:error:invalidProfile :: …",
        "The authority does not offer this profile.",
        "Its directory lists those that it has (curl DIRECTORY, at meta.profiles); change "
        "private-registry:certificate.profile, or take it out.",
    ),
    Problem(
        "acme-provider",
        _ACME + r"(unrecognized DNS provider|credentials information are missing|error presenting token)",
        _NO_CERTIFICATE + "cloudflare: some credentials information are missing: …",
        "The record that proves the name could not be made.",
        "Its words tell why. private-registry:certificate.dnsProvider is one of lego's names, and dnsVariables has "
        "what that one wants: docker run --rm IMAGE dnshelp --code NAME, of lego's image.",
    ),
    Problem(
        "acme-refused",
        _ACME + r"(error:unauthorized|error:incorrectResponse|time limit exceeded|status=pending|not found the proof)",
        _NO_CERTIFICATE + "… urn:ietf:params:acme:error:unauthorized :: … Invalid response from http://…: 404",
        "The authority did not find the proof for the name.",
        "With http-01, what answers on port 80 is not this server: the DNS leads elsewhere, or a proxy stands before "
        "it. With dns-01, the record was not seen yet: set private-registry:certificate.dnsWaitSeconds. An authority "
        "of your own has to know the name and to get to the server: its log tells what it saw.",
    ),
    Problem(
        "acme-name",
        _ACME + r"error:rejectedIdentifier",
        _NO_CERTIFICATE + "… urn:ietf:params:acme:error:rejectedIdentifier :: …",
        "The authority gives no certificates for this name.",
        "A public one gives none for names that nobody owns (.test, .local, .internal): take a name of yours, or an "
        "authority of your own in private-registry:certificate.directory. Where it is your own, its policy leaves the "
        "name out.",
    ),
    Problem(
        "acme-trust",
        _ACME + r"(x509:|tls: )",
        _NO_CERTIFICATE + "… get directory at …: x509: certificate signed by unknown authority",
        "The server does not trust the certificate of the directory.",
        "For an authority of your own set private-registry:certificate.directoryAuthorityFile to the root by which the "
        "directory itself is known.",
    ),
    Problem(
        "acme-down",
        _ACME,
        _NO_CERTIFICATE + "… get directory at …: connection refused",
        "The server does not get to the authority, or that does not work.",
        "Its words tell why. Check private-registry:certificate.directory, and the server's way there: curl DIRECTORY. "
        "Nothing is lost: what is served is renewed on, and the next update tries again.",
    ),
    Problem(
        "acme-port-taken",
        r"-challenge\b.*(address already in use|port is already allocated)|:80: bind: address already in use",
        "driver failed programming external connectivity on endpoint private-registry-prod-challenge …: bind host port "
        "for 0.0.0.0:80: address already in use",
        "Another program on the server has port 80, on which challenge: http-01 proves the name.",
        "See who (ss -ltnp 'sport = :80') and end it, or take challenge: dns-01, which needs no port. One stack of a "
        "server can have it.",
    ),
    # The server.
    Problem(
        "docker-over-ssh",
        r"Error pinging Docker server.*ssh://.*(Cannot connect to the Docker daemon|"
        r"ssh: (connect to host|Could not resolve hostname))",
        "Error pinging Docker server, make sure that ssh://… is reachable …: Cannot connect to the Docker daemon",
        "The server's Docker does not answer over SSH: the host is down or its name is wrong, Docker does not run, or "
        "the user may not use it.",
        "ssh USER@HOST docker version tells which. Start it (systemctl start docker), or add the user to the group "
        "docker there (usermod --append --groups docker USER); then run the update again.",
    ),
    Problem(
        "docker-down",
        r"Cannot connect to the Docker daemon|permission denied while trying to connect to the [Dd]ocker|"
        r"Error pinging Docker server.*(no such file|connection refused)",
        "Cannot connect to the Docker daemon at unix:///var/run/docker.sock",
        "No Docker Engine answers the user on this host.",
        "Start it (systemctl start docker), add the user to the group docker, or set DOCKER_HOST or "
        "private-registry:dockerHost to where it is; "
        "then run the update again.",
    ),
    Problem(
        "docker-host-key",
        r"Host key verification failed",
        "Host key verification failed",
        "The server showed another host key than private-registry:dockerHostAccess.hostKey.",
        _NEW_HOST_KEY,
    ),
    Problem(
        "docker-login",
        r"Permission denied \((publickey|password|keyboard)",
        "Permission denied (publickey,password)",
        "The server refuses the SSH login.",
        "Check the user in private-registry:dockerHost and the key in private-registry:dockerHostAccess; its public "
        "half has to be in that user's authorized_keys.",
    ),
    Problem(
        "port-taken",
        r"address already in use|port is already allocated",
        "listen tcp4 0.0.0.0:443: bind: address already in use",
        "Another program on the server has the port.",
        "See who (ss -ltnp 'sport = :443'), end it, or choose another private-registry:httpsPort or bindAddress; then "
        "run the update again.",
    ),
    Problem(
        "bind-address",
        r"cannot assign requested address",
        "listen tcp4 …:443: bind: cannot assign requested address",
        "private-registry:bindAddress is none of the server's addresses.",
        "ip address shows them; without the setting nginx listens on all. One that another machine holds now "
        "(keepalived) has to be here for the first update.",
    ),
    Problem(
        "name-taken",
        r"a (network|volume|container) named \S+ is there and was not made by this stack",
        "a network named private-registry-prod-backend is there and was not made by this stack; it was left as it is",
        "Docker has something of this name that is not in the stack's state, and nothing of others is used or removed.",
        "If another stack of the same name made it, give this stack another name. If nobody needs it, remove it: "
        "docker network rm NAME, docker container rm NAME. docker volume rm NAME deletes the images in it for good, so "
        "look into it first.",
    ),
    Problem(
        "image-missing",
        r"unable to pull image sha256:|No such image: sha256:|Unable to find image 'sha256:",
        "No such image: sha256:…",
        "An image that is named by its id is not on the server.",
        "Build or load it there (docker load), or name it as NAME:TAG@sha256:DIGEST, which is pulled.",
    ),
    Problem(
        "image-login",
        r"[Uu]nable to pull image.*(no basic auth credentials|authentication required|authorization failed|"
        r"[Uu]nauthorized|[Dd]enied)",
        "unable to pull image …: … no basic auth credentials",
        "The registry that holds the image wants a login, and the server's user has none there.",
        "Log in on the server, as the user of private-registry:dockerHost (docker login MIRROR), and run the update "
        "again: it pulls with that login, which stays on the server. Where the server is this machine, log in here.",
    ),
    Problem(
        "image-pull",
        r"[Uu]nable to pull image|Error pulling image|[Uu]nable to read Docker image",
        "unable to pull image …",
        "The server could not get the image from its registry.",
        "Try docker pull on the server; check the name, the digest, and the server's way to that registry.",
    ),
    Problem(
        "container-ends",
        r"container \S+ did not get healthy",
        "container … did not get healthy",
        "A new container started and does not work; the registry before it still serves.",
        "Its last words, or docker logs NAME on the server, tell why. Mend it and run the update again, which takes it "
        "away.",
    ),
    Problem(
        "container-gone",
        r"container \S+ is gone|host not found in upstream",
        "container private-registry-prod-proxy is gone",
        "Somebody removed a container of the stack, and the state still has it.",
        "pulumi up --refresh makes it again.",
    ),
    Problem(
        "container-down",
        r"container \S+ (does not run|runs and does not answer)",
        "container private-registry-prod-proxy does not run (exited): …",
        "A container of the stack is down, so the registry is too, and it could not be started.",
        "The words after it, or docker logs NAME on the server, tell why. Mend it and run the update again, which "
        "starts it.",
    ),
    Problem(
        "registry-refuses",
        r"the registry does not start with the new image or configuration",
        "the registry does not start with the new image or configuration, the old one keeps serving: …",
        "The declared image was tried with the rendered configuration and did not answer.",
        "Its last words tell why; take a version of the registry from 3.1.2 on.",
    ),
    Problem(
        "bucket-keys",
        _BUCKET
        + r"(InvalidAccessKeyId|SignatureDoesNotMatch|InvalidToken|No user exists with the provided access key)",
        "the bucket can't be used, listing failed, and the old registry keeps serving: s3aws: InvalidAccessKeyId: …",
        "The storage does not know the key, or it has another secret.",
        "Set private-registry:storage.accessKeyId and secretAccessKey to a pair that is valid there.",
    ),
    Problem(
        "bucket-missing",
        _BUCKET + r"(NoSuchBucket|NotFound)",
        "the bucket can't be used, listing failed, and the old registry keeps serving: s3aws: NoSuchBucket: …",
        "There is no bucket of this name.",
        "Make it, as the stack makes none, or change private-registry:storage.bucket or endpoint.",
    ),
    Problem(
        "bucket-denied",
        _BUCKET + r"(AccessDenied|Forbidden|AllAccessDisabled)",
        "the bucket can't be used, deleting failed, and the old registry keeps serving: s3aws: AccessDenied: …",
        "The key is good and may not do what the message names.",
        "Let it list the bucket and its uploads in parts, and read, write and delete all below the prefix "
        "(docs/storage.md has the policy). What a trial could not delete lies below PREFIX/private-registry-trial-….",
    ),
    Problem(
        "bucket-region",
        _BUCKET + r"(AuthorizationHeaderMalformed|PermanentRedirect|BucketRegionError|MovedPermanently)",
        "the bucket can't be used, listing failed, and the old registry keeps serving: s3aws: "
        "AuthorizationHeaderMalformed: …",
        "The bucket is in another region.",
        "Set private-registry:storage.region to the bucket's, which the message may name.",
    ),
    Problem(
        "bucket-unreachable",
        _BUCKET + r"RequestError",
        "the bucket can't be used, listing failed, and the old registry keeps serving: s3aws: RequestError: send "
        "request failed caused by: …",
        "The server does not get to the storage, or does not trust its certificate.",
        "The message tells which. Check private-registry:storage.endpoint and the firewall between the two; "
        "a certificate of an authority of your own needs storage.authorityFile.",
    ),
    Problem(
        "bucket-fails",
        r"the bucket can't be used",
        "the bucket can't be used, reading failed, and the old registry keeps serving: …",
        "The storage answered otherwise than Amazon S3 does: a registry with it could not push or pull.",
        "Its words may tell why. A store that wants parts of equal size, as Cloudflare R2 does, can't be used.",
    ),
    Problem(
        "nginx-without-njs",
        r"ngx_http_js_module\.so.* failed",
        'nginx refuses the new configuration, …: dlopen() "…/ngx_http_js_module.so" failed',
        "nginx of the declared image has no njs, by which it decides who may do what.",
        "Declare an image with njs 0.8.7 or newer: the official ones have it, but for those whose tag ends in -slim; "
        "on Debian it is the package libnginx-mod-http-js.",
    ),
    Problem(
        "nginx-refuses",
        r"nginx refuses the new configuration",
        "nginx refuses the new configuration, the old one keeps serving: …",
        "nginx of the declared image can't read what was rendered.",
        "Its own words name file and line; an image older than 1.25.1 does not know 'http2 on'.",
    ),
    Problem(
        "nginx-not-loaded",
        r"nginx does not serve what it was given",
        "nginx does not serve what it was given, and what was live before is live again: …",
        "nginx was told to load a configuration or certificate that it accepts, and went on with the one before.",
        "Its last words, or docker logs NAME on the server, tell why; then run the update again.",
    ),
    # Any host.
    Problem(
        "name-unknown",
        _NO_PROOF + r"no such host",
        "dial tcp: lookup build-1.example.com: no such host",
        "This machine can't find the address of the host.",
        "Check the name in private-registry:clients, or give an IP address.",
    ),
    Problem(
        "ssh-refused",
        _NO_PROOF + r"connect: connection refused",
        "dial tcp 10.0.0.7:22: connect: connection refused",
        "The host is up, and no SSH server listens on this port.",
        "Start it there, or set port in private-registry:clients.",
    ),
    Problem(
        "host-down",
        _NO_PROOF + r"(i/o timeout|no route to host)",
        "dial tcp 10.0.0.7:22: i/o timeout",
        "The host does not answer: it is down, or a firewall drops the packets.",
        "Bring it back and run the update again; a host that is gone for good: make forget CLIENT=HOST STACK=STACK, "
        "and take it off the list.",
    ),
    Problem(
        "ssh-login",
        r"ssh: unable to authenticate",
        "ssh: handshake failed: ssh: unable to authenticate, attempted methods [none publickey]",
        "The host refuses the login.",
        "Check user and key in private-registry:clients; the key's public half has to be in that user's "
        "authorized_keys, and an agent has to hold it (ssh-add -l).",
    ),
    Problem(
        "ssh-dropped",
        r"ssh: handshake failed: (EOF|read tcp .*(reset by peer|EOF))",
        "ssh: handshake failed: read tcp …: read: connection reset by peer",
        "The host's sshd drops the connection: after failed logins it refuses a machine for a while, and it takes only "
        "so many at once.",
        "Wait a minute and run the update again; PerSourcePenalties and MaxStartups in its sshd_config set the limits.",
    ),
    Problem(
        "host-key",
        r"host key mismatch",
        "ssh: handshake failed: ssh: host key mismatch",
        "The host showed another key than hostKey in private-registry:clients.",
        _NEW_HOST_KEY,
    ),
    Problem(
        "sudo-password",
        r"sudo: (a password is required|a terminal is required)",
        "sudo: a password is required",
        "The user may not become root without a password.",
        "Allow it on the host (visudo: USER ALL=(ALL) NOPASSWD: ALL), or reach the host as root.",
    ),
    Problem(
        "sudo-tty",
        r"you must have a tty to run sudo",
        "sudo: sorry, you must have a tty to run sudo",
        "sudo on the host wants a terminal (requiretty), which a command over SSH has not.",
        "Lift that for the user on the host (visudo: Defaults:USER !requiretty).",
    ),
    Problem(
        "sudo-missing",
        r"sudo: (command )?not found",
        "sudo: not found",
        "The user is not root and the host has no sudo.",
        "Install sudo there, or reach the host as root.",
    ),
    Problem(
        "disk-full",
        r"No space left on device",
        "No space left on device",
        "The host's disk is full; what was there before is untouched.",
        "Make room (df -h shows where) and run the update again.",
    ),
    Problem(
        "hosts-entry",
        r"the hosts entry can't be written",
        "the hosts entry can't be written to /etc/hosts: … Read-only file system",
        "The client's hosts file is read-only, immutable, or mounted so.",
        "Make it writable there, or give the registry's name to your DNS and take hostsEntry out of this client.",
    ),
    Problem(
        "read-only",
        r"Read-only file system",
        "Read-only file system",
        "The host does not let anybody write where the files go.",
        "Make the folder that the message names writable there, or mount it writable; an immutable host gets the "
        "authority in its image.",
    ),
    Problem(
        "foreign-file",
        r"exists with other content and was not written by this stack",
        "/etc/docker/certs.d/…/ca.crt exists with other content and was not written by this stack",
        "Somebody else put an authority there, and nothing is overwritten.",
        "Move the file away, or remove it if nobody needs it, and run the update again.",
    ),
    Problem(
        "authority-needed",
        r"an authority can't be dropped: what \S+ serves is not signed",
        "an authority can't be dropped: what registry.example.com serves is not signed by any of those that stay",
        "The client trusts the registry and would not do so any more, so it keeps what it trusts.",
        "Change the authority in three updates: list the new one beside the old, move it first, then drop the old "
        "(docs/rotate.md).",
    ),
    Problem(
        "authority-unsure",
        r"an authority can't be dropped: (without curl|nobody knows)",
        "an authority can't be dropped: nobody knows what registry.example.com serves",
        "The client could not look whether it would still trust the registry, so it keeps what it trusts.",
        "Install curl there, or see to it that the client reaches the registry; then run the update again.",
    ),
    Problem(
        "store-unknown",
        r"has neither update-ca-certificates nor update-ca-trust",
        "this client has neither update-ca-certificates nor update-ca-trust, so nobody knows its trust store",
        "The client has the runtime system, and no program that makes a trust store.",
        "Install the package ca-certificates there, or take system out of the client's runtimes.",
    ),
    Problem(
        "store-failed",
        r"update-ca-(certificates|trust) failed",
        "update-ca-certificates failed: …",
        "The client's own program did not make its trust store anew; the store is as it was before.",
        "Run the program there by hand: its last words tell why, such as a full disk or a broken file of somebody "
        "else's. Then run the update again.",
    ),
    # What a client proves.
    Problem(
        "docker-proxy",
        r"this client's Docker asks a proxy for",
        "…; this client's Docker asks a proxy for registry.example.com (its No Proxy: none)",
        "The Docker daemon of the client has a proxy of its own, which does not get to the registry.",
        "Name the registry as an exception there, no-proxy of proxies in /etc/docker/daemon.json or NO_PROXY of "
        "Docker's service, and restart Docker; then run the update again.",
    ),
    Problem(
        "tool-missing",
        r"(curl|docker) is not installed on this client",
        "curl is not installed on this client",
        "A client proves itself with its own Docker and curl.",
        "Install it there; without Docker, make runtimes: [system] of the client. Or set private-registry:verification "
        "to false to do without the proof.",
    ),
    Problem(
        "name-unresolved",
        r"Could not resolve host",
        "curl: (6) Could not resolve host: registry.example.com",
        "The client does not know the registry's name.",
        "Add the name to your DNS, or give the client a hostsEntry with the server's address.",
    ),
    Problem(
        "server-unreachable",
        r"curl: .*(Failed to connect|Connection timed out|Could not connect to server)",
        "curl: (7) Failed to connect to registry.example.com port 443",
        "The client knows the registry's address and nothing answers there: it is another address, a firewall is "
        "between the two, or the registry is down.",
        "docker ps on the server shows whether nginx runs, and the next update starts it. If it does, check hostsEntry "
        "or the DNS entry, private-registry:bindAddress, and the firewalls.",
    ),
    Problem(
        "clock",
        r"certificate is not yet valid|certificate has expired",
        "curl: (60) SSL certificate problem: certificate is not yet valid",
        "The client's clock is wrong, or the certificate ran out.",
        "Compare date on the client and here, and let it follow a time server; if the clocks agree, an update renews "
        "the certificate.",
    ),
    Problem(
        "store-unread",
        r"failed at \"TLS by the system's store\": curl: \(60\)",
        'verification failed at "TLS by the system\'s store": curl: (60) SSL certificate problem: …',
        "The client's curl does not trust what its trust store was given: it reads another store, or the authority is "
        "gone from it.",
        "curl -v there names the store that it reads (CAfile). make drift STACK=STACK tells whether the authority is "
        "still in the client's store, and REPAIR=1 adds it again.",
    ),
    Problem(
        "trusted-anyway",
        r'failed at "no TLS without the distributed authority"',
        'verification failed at "no TLS without the distributed authority"',
        "The client trusts the registry without the file that was distributed.",
        "Take the authority out of the client's system store, or add system to its runtimes: then the stack keeps it "
        "there. Only where the certificate does not come from the stack's own authorities, and "
        "all clients trust the issuer by their system: put public: true in place of authority or authorityFile.",
    ),
    # The engine.
    Problem(
        "protected",
        r"marked for protection|because it is protected",
        "… as it is currently marked for protection",
        "The change would take away what can't be made again: the images, the authority that signs, or what made "
        "passwords come from.",
        "An authority is replaced in three updates (docs/rotate.md). To take it away after all, set "
        "private-registry:protect to false, update, and change the rest after that.",
        by_engine=True,
    ),
    Problem(
        "locked",
        r"the stack is currently locked by",
        "the stack is currently locked by 1 lock(s)",
        "An update is running, or one was killed and left its lock.",
        "The message names machine and process: see there whether it still runs (ps -p PID), and wait for it. Only if "
        "it is gone: pulumi cancel, which takes away every lock, also that of an update that runs; then pulumi up, "
        "which repairs the rest.",
        by_engine=True,
    ),
    Problem(
        "state-description",
        r"failed to load checkpoint: (unexpected )?EOF",
        "error: failed to load checkpoint: EOF",
        "An update was killed while it described its state: the state is whole, and the file beside it that describes "
        "it ends too early.",
        "Remove these descriptions, which nothing needs: find FOLDER/.pulumi -name '*.attrs' -delete, where FOLDER is "
        "that of the backend. Then pulumi cancel and pulumi up. With ?metadata=skip after the folder in the "
        "backend's URL none are written.",
        by_engine=True,
    ),
    Problem(
        "passphrase",
        r"incorrect passphrase",
        "incorrect passphrase",
        "The secrets of the stack's file are encrypted with another passphrase.",
        "Set PULUMI_CONFIG_PASSPHRASE, or PULUMI_CONFIG_PASSPHRASE_FILE, to the one of this stack.",
        by_engine=True,
    ),
)


def problem_of(text: str) -> Problem | None:
    """Return the kind of failure that an error message tells of, or None for one that nobody foresaw."""
    return next((problem for problem in PROBLEMS if re.search(problem.pattern, text, re.DOTALL)), None)


def table() -> str:
    """Return the problems as a Markdown table."""
    rows = [f"| `{problem.message}` | {problem.cause} | {problem.fix} |" for problem in PROBLEMS]
    return "\n".join(["| message | cause | what to do |", "|---|---|---|", *rows]) + "\n"


if __name__ == "__main__":
    sys.stdout.write(table())
