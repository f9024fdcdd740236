"""What can go wrong, why, and what to do: the one source of the advice after a failure and of the page about it.

``python -m components.troubleshooting docs/troubleshooting.md`` writes the generated part of the page.
"""

import re
import sys
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Problem:
    """One kind of failure. Commands stand in backticks, as the page has them; messages have them in quotes."""

    key: str
    """Names it in the tests."""
    pattern: str
    """A regular expression that its message matches."""
    message: str
    """What is printed, with an ellipsis for what differs; it has to match the pattern. A heading of the page."""
    cause: str
    fix: str
    """The steps, one a line."""
    by_engine: bool = False
    """Whether the engine reports it before or without a resource, so that no advice can follow."""
    works: str = ""
    """What still works, where this does not depend on the resource that failed."""

    def advice(self, works: str = "") -> str:
        """Return what a reader of the message needs to know: the cause, what still works, and what to do.

        Args:
            works: What still works, as far as the resource that failed says so.
        """
        parts = [self.cause, still_works(works or self.works), *_steps(self.fix)]
        return "\n".join(filter(None, parts)).replace("`", "'")

    def section(self) -> str:
        """Return it as a section of the page."""
        parts = [f"### `{self.message}`", self.cause, still_works(self.works), "\n".join(_steps(self.fix))]
        return "\n\n".join(filter(None, parts)) + "\n"


@dataclass(frozen=True)
class Phase:
    """A part of the page: what fails at the same time."""

    title: str
    meaning: str
    problems: tuple[Problem, ...]


def still_works(works: str) -> str:
    """Return the line about what still works, or nothing."""
    return works and f"Still working: {works}"


def _steps(fix: str) -> list[str]:
    steps = fix.splitlines()
    if len(steps) == 1:
        return [f"What to do: {steps[0]}"]
    return ["What to do:", *(f"{number}. {step}" for number, step in enumerate(steps, 1))]


_RUN_AGAIN = "Run the update again."
_NEW_HOST_KEY = (
    "If the host was not reinstalled: do not change the key. Another machine may be answering at this address. Find "
    "out "
    "why first.\n"
    "If the host was reinstalled: run `cat /etc/ssh/ssh_host_ed25519_key.pub` on its console, or over a connection "
    "that "
    "is known already, and set hostKey to the first two fields.\n" + _RUN_AGAIN
)
_GONE_FOR_GOOD = (
    "If the server is one of several and no longer exists: run `make forget SERVER=NAME STACK=STACK`, which removes it "
    "from the state, and remove it from private-registry:servers.\n"
)
_AS_BEFORE = "everything that ran before this update."
_OLD_REGISTRY = "the registry, with its previous image and configuration."
_OLD_NGINX = "nginx, with its previous configuration and certificate."
_RENEWED = "nginx, with its current certificate, if it has one."
_DOWN = "nothing, the registry is unavailable until this is fixed. The images are kept."

# A client that proves itself was reached: what its own Docker says of the network is something else.
_NO_PROOF = r"\A(?!.*verification failed at).*"
_BUCKET = r"the bucket can't be used.*"
_ACME = r"no certificate from \S+, the current one stays in use.*"
_NO_CERTIFICATE = "no certificate from acme.example.com, the current one stays in use: "

ACME = (
    Problem(
        "acme-limit",
        _ACME + r"error:rateLimited",
        _NO_CERTIFICATE + "acme: error: 429 :: urn:ietf:params:acme:error:rateLimited :: …",
        "The CA has issued too many certificates for this name, or refused too many requests.",
        "Read the error after the colon: it names the limit, and when to try again. Until then do not change "
        "`private-registry:certificate`.\n"
        "To test settings: set `private-registry:certificate.directory` to the test directory of the CA.",
        works=_RENEWED,
    ),
    Problem(
        "acme-record",
        _ACME + r"(error:dns|could not resolve|NXDOMAIN|SERVFAIL|error:caa)",
        _NO_CERTIFICATE + "… urn:ietf:params:acme:error:dns :: DNS problem: NXDOMAIN looking up A for …",
        "The CA finds no address for private-registry:domain in the DNS, or a CAA record forbids the certificate.",
        "If the name is public: create an A or AAAA record with the address of the server. Wait until "
        "`dig +short DOMAIN @1.1.1.1` prints it.\n"
        "If only your own network knows the name: set `challenge: dns-01`.\n" + _RUN_AGAIN,
        works=_RENEWED,
    ),
    Problem(
        "acme-port",
        _ACME + r"error:connection",
        _NO_CERTIFICATE + "… urn:ietf:params:acme:error:connection :: …: Timeout during connect",
        "The CA cannot connect to port 80 of the address that private-registry:domain has in the DNS.",
        "Check that the DNS has the address of the server.\n"
        "Open port 80 for all addresses, also in the firewall of the provider. If that is not possible: set "
        "`challenge: dns-01`.\n" + _RUN_AGAIN,
        works=_RENEWED,
    ),
    Problem(
        "acme-account",
        _ACME + r"(xternal ?[Aa]ccount|Could not complete registration|[cC]ontact|userActionRequired|illegal base64)",
        _NO_CERTIFICATE + "Server requires External Account Binding …",
        "The CA refuses the account. The error after the colon shows the reason.",
        "If the CA requires External Account Binding: set `private-registry:certificate.externalAccountKeyId` and "
        "`externalAccountKey` to the values that the CA shows for ACME. Some CAs accept each pair only once.\n"
        + _RUN_AGAIN,
        works=_RENEWED,
    ),
    Problem(
        "acme-profile",
        _ACME + r"(invalidProfile|profile)",
        _NO_CERTIFICATE + "… urn:ietf:params:acme:error:invalidProfile :: …",
        "The CA does not offer this profile.",
        "Run `curl DIRECTORY`: meta.profiles lists the profiles of the CA.\n"
        "Change or remove `private-registry:certificate.profile`.\n" + _RUN_AGAIN,
        works=_RENEWED,
    ),
    Problem(
        "acme-provider",
        _ACME + r"(unrecognized DNS provider|credentials information are missing|error presenting token)",
        _NO_CERTIFICATE + "cloudflare: some credentials information are missing: …",
        "lego could not create the record in the DNS. The error after the colon shows the reason.",
        "Check `private-registry:certificate.dnsProvider`: it must be a name that lego knows.\n"
        "Check `dnsVariables`. `docker run --rm IMAGE dnshelp --code NAME` with the lego image lists the variables of "
        "a "
        "provider.\n" + _RUN_AGAIN,
        works=_RENEWED,
    ),
    Problem(
        "acme-refused",
        _ACME + r"(error:unauthorized|error:incorrectResponse|time limit exceeded|status=pending|not found the proof)",
        _NO_CERTIFICATE + "… urn:ietf:params:acme:error:unauthorized :: … Invalid response from http://…: 404",
        "The CA could not verify that the name is yours.",
        "If challenge is http-01: another machine answers on port 80. Check the DNS record, and proxies before the "
        "server.\n"
        "If challenge is dns-01: the record was not visible yet. Set `private-registry:certificate.dnsWaitSeconds`.\n"
        "If the CA is your own: it must resolve the name and reach the server. Its own log shows what it saw.\n"
        + _RUN_AGAIN,
        works=_RENEWED,
    ),
    Problem(
        "acme-name",
        _ACME + r"error:rejectedIdentifier",
        _NO_CERTIFICATE + "… urn:ietf:params:acme:error:rejectedIdentifier :: …",
        "The CA does not issue certificates for this name. A public CA refuses names that are not in the public DNS "
        "(.test, .local, .internal). The policy of a CA of your own can exclude the name.",
        "Set `private-registry:domain` to a name that you own, or `private-registry:certificate.directory` to a CA of "
        "your own.\n" + _RUN_AGAIN,
        works=_RENEWED,
    ),
    Problem(
        "acme-trust",
        _ACME + r"(x509:|tls: )",
        _NO_CERTIFICATE + "… get directory at …: x509: certificate signed by unknown authority",
        "The server does not trust the certificate of the ACME directory.",
        "If it is a CA of your own: set `private-registry:certificate.directoryAuthorityFile` to the root certificate "
        "of "
        "the directory.\n" + _RUN_AGAIN,
        works=_RENEWED,
    ),
    Problem(
        "acme-down",
        _ACME,
        _NO_CERTIFICATE + "… get directory at …: connection refused",
        "The server cannot reach the CA, or the CA has a failure. The error after the colon shows the reason.",
        "Check `private-registry:certificate.directory`.\n"
        "Run `curl DIRECTORY` on the server, and fix its network access.\n" + _RUN_AGAIN,
        works=_RENEWED,
    ),
    Problem(
        "acme-port-taken",
        r"-challenge\b.*(address already in use|port is already allocated)|:80: bind: address already in use",
        "driver failed programming external connectivity on endpoint private-registry-prod-challenge …: bind host port "
        "for 0.0.0.0:80: address already in use",
        "Another program on the server uses port 80, which challenge: http-01 needs. Only one stack of a server can "
        "use "
        "it.",
        "Run `ss -ltnp sport = :80` on the server to see which program.\n"
        "Stop that program, or set `challenge: dns-01`, which needs no port.\n" + _RUN_AGAIN,
        works=_RENEWED,
    ),
)

SERVER = (
    Problem(
        "docker-over-ssh",
        r"Error pinging Docker server.*ssh://.*(Cannot connect to the Docker daemon|"
        r"ssh: (connect to host|Could not resolve hostname))",
        "Error pinging Docker server, make sure that ssh://… is reachable …: Cannot connect to the Docker daemon",
        "The server's Docker does not answer over SSH. The host is down, its name is wrong, Docker is stopped, or the "
        "user has no access to Docker.",
        "Run `ssh USER@HOST docker version` to see which.\n"
        "If Docker is stopped: run `systemctl start docker` on the server.\n"
        "If permission is denied: run `usermod --append --groups docker USER` on the server.\n"
        + _GONE_FOR_GOOD
        + _RUN_AGAIN,
        works=_AS_BEFORE,
    ),
    Problem(
        "docker-down",
        r"Cannot connect to the Docker daemon|permission denied while trying to connect to the [Dd]ocker|"
        r"Error pinging Docker server.*(no such file|connection refused)",
        "Cannot connect to the Docker daemon at unix:///var/run/docker.sock",
        "Docker Engine on this host is stopped, or the user has no access to it.",
        "If Docker is stopped: run `systemctl start docker` on the host.\n"
        "If permission is denied: run `usermod --append --groups docker USER` on the host, and log in again.\n"
        "If the server's Docker is elsewhere: set DOCKER_HOST or private-registry:dockerHost.\n" + _RUN_AGAIN,
    ),
    Problem(
        "docker-host-key",
        r"Host key verification failed",
        "Host key verification failed",
        "The server showed a different host key than private-registry:dockerHostAccess.hostKey.",
        _NEW_HOST_KEY,
        works=_AS_BEFORE,
    ),
    Problem(
        "docker-login",
        r"Permission denied \((publickey|password|keyboard)",
        "Permission denied (publickey,password)",
        "The server refuses the SSH login.",
        "Check the user in private-registry:dockerHost.\n"
        "Check the key in private-registry:dockerHostAccess: its public half must be in that user's authorized_keys.\n"
        + _RUN_AGAIN,
        works=_AS_BEFORE,
    ),
)

CONTAINERS = (
    Problem(
        "port-taken",
        r"address already in use|port is already allocated",
        "listen tcp4 0.0.0.0:443: bind: address already in use",
        "Another program on the server uses the port.",
        "Run `ss -ltnp sport = :443` on the server to see which program.\n"
        "Stop that program, or change private-registry:httpsPort or bindAddress.\n" + _RUN_AGAIN,
    ),
    Problem(
        "bind-address",
        r"cannot assign requested address",
        "listen tcp4 …:443: bind: cannot assign requested address",
        "private-registry:bindAddress is not an address of the server.",
        "Run `ip address` on the server to list its addresses. `0.0.0.0` means all of IPv4, `::` all of IPv6.\n"
        "Set private-registry:bindAddress to one of them, or remove it: then nginx listens on all. An address that "
        "moves "
        "between machines (keepalived) must be on this server during the first update.\n" + _RUN_AGAIN,
    ),
    Problem(
        "name-taken",
        r"a (network|volume|container) named \S+ already exists and was not created by this stack",
        "a network named private-registry-prod-backend already exists and was not created by this stack; it was not "
        "changed",
        "A Docker object with this name exists, and it is not in the stack's state. The update stops, because it never "
        "uses or removes objects that it does not own.",
        "If another stack of the same name created it: give this stack another name.\n"
        "If it is not needed: run `docker network rm NAME` or `docker container rm NAME`. For a volume look into it "
        "first: `docker volume rm NAME` deletes the images in it permanently.\n" + _RUN_AGAIN,
    ),
    Problem(
        "image-missing",
        r"unable to pull image sha256:|No such image: sha256:|Unable to find image 'sha256:",
        "No such image: sha256:…",
        "An image is configured by its id, and the server does not have it.",
        "Build or load the image on the server (`docker load`), or configure it as NAME:TAG@sha256:DIGEST: then the "
        "update pulls it.\n" + _RUN_AGAIN,
    ),
    Problem(
        "image-login",
        r"[Uu]nable to pull image.*(no basic auth credentials|authentication required|authorization failed|"
        r"[Uu]nauthorized|[Dd]enied)",
        "unable to pull image …: … no basic auth credentials",
        "The registry that holds the image requires a login, and the server's user is not logged in there.",
        "Run `docker login MIRROR` on the server, as the user of private-registry:dockerHost. The login stays on the "
        "server. If the server is the control machine, log in there.\n"
        "Run the update again: it pulls with that login.",
    ),
    Problem(
        "image-pull",
        r"[Uu]nable to pull image|Error pulling image|[Uu]nable to read Docker image",
        "unable to pull image …",
        "The server could not pull the image from its registry.",
        "Run `docker pull IMAGE` on the server to see the error.\n"
        "Check the name, the digest, and the server's network access to that registry.\n" + _RUN_AGAIN,
    ),
    Problem(
        "container-ends",
        r"container \S+ did not become healthy",
        "container … did not become healthy",
        "A new container started and does not answer.",
        "Read the last log lines above, or run `docker logs NAME` on the server.\n"
        "Fix the cause, and run the update again. It removes the failed container.",
        works="the registry, in its previous container.",
    ),
    Problem(
        "container-gone",
        r"container \S+ is gone|host not found in upstream",
        "container private-registry-prod-proxy is gone",
        "A container of the stack was removed by hand, and the state still has it.",
        "Run `pulumi up --refresh`. It creates the container again.",
        works=_DOWN,
    ),
    Problem(
        "container-down",
        r"container \S+ (does not run|runs and does not answer)",
        "container private-registry-prod-proxy does not run (exited): …",
        "A container of the stack is down, and the update could not start it.",
        "Read the reason after the colon, or run `docker logs NAME` on the server.\n"
        "Fix the cause, and run the update again. It starts the container.",
        works=_DOWN,
    ),
    Problem(
        "registry-refuses",
        r"the registry does not start with the new image or configuration",
        "the registry does not start with the new image or configuration, the old one keeps serving: …",
        "The configured image was tested with the new configuration and did not answer.",
        "Read the last log lines above: they show the reason.\n"
        "Set private-registry:images.registry to version 3.1.2 or newer.\n" + _RUN_AGAIN,
        works=_OLD_REGISTRY,
    ),
)

STORAGE = (
    Problem(
        "bucket-keys",
        _BUCKET
        + r"(InvalidAccessKeyId|SignatureDoesNotMatch|InvalidToken|No user exists with the provided access key)",
        "the bucket can't be used, listing failed, and the old registry keeps serving: s3aws: InvalidAccessKeyId: …",
        "The storage does not know the access key, or its secret is a different one.",
        "Set private-registry:storage.accessKeyId and secretAccessKey to a pair that is valid there.\n" + _RUN_AGAIN,
        works=_OLD_REGISTRY,
    ),
    Problem(
        "bucket-missing",
        _BUCKET + r"(NoSuchBucket|NotFound)",
        "the bucket can't be used, listing failed, and the old registry keeps serving: s3aws: NoSuchBucket: …",
        "There is no bucket of this name. The stack does not create one.",
        "Create the bucket, or change private-registry:storage.bucket or endpoint.\n" + _RUN_AGAIN,
        works=_OLD_REGISTRY,
    ),
    Problem(
        "bucket-denied",
        _BUCKET + r"(AccessDenied|Forbidden|AllAccessDisabled)",
        "the bucket can't be used, deleting failed, and the old registry keeps serving: s3aws: AccessDenied: …",
        "The access key is valid, but has no permission for the step that the message names.",
        "Allow the key to list the bucket and its multipart uploads, and to read, write and delete all objects below "
        "the "
        "prefix. The policy is in docs/storage.md.\n"
        "Remove the objects below PREFIX/private-registry-trial-… that the test could not delete.\n" + _RUN_AGAIN,
        works=_OLD_REGISTRY,
    ),
    Problem(
        "bucket-region",
        _BUCKET + r"(AuthorizationHeaderMalformed|PermanentRedirect|BucketRegionError|MovedPermanently)",
        "the bucket can't be used, listing failed, and the old registry keeps serving: s3aws: "
        "AuthorizationHeaderMalformed: …",
        "The bucket is in another region.",
        "Set private-registry:storage.region to the bucket's region. The message may name it.\n" + _RUN_AGAIN,
        works=_OLD_REGISTRY,
    ),
    Problem(
        "bucket-unreachable",
        _BUCKET + r"RequestError",
        "the bucket can't be used, listing failed, and the old registry keeps serving: s3aws: RequestError: send "
        "request failed caused by: …",
        "The server cannot reach the storage, or does not trust its certificate. The message shows which.",
        "If it cannot be reached: check private-registry:storage.endpoint, and the firewalls between the two.\n"
        "If the certificate is from your own CA: set private-registry:storage.authorityFile to that CA certificate.\n"
        + _RUN_AGAIN,
        works=_OLD_REGISTRY,
    ),
    Problem(
        "bucket-fails",
        r"the bucket can't be used",
        "the bucket can't be used, reading failed, and the old registry keeps serving: …",
        "The storage does not answer as Amazon S3 does. A registry on it could not push or pull.",
        "Read the error after the colon. Storage that requires parts of equal size, such as Cloudflare R2, is not "
        "supported.",
        works=_OLD_REGISTRY,
    ),
)

NGINX = (
    Problem(
        "nginx-without-njs",
        r"ngx_http_js_module\.so.* failed",
        'nginx refuses the new configuration, …: dlopen() "…/ngx_http_js_module.so" failed',
        "The configured nginx image does not include the njs module, which is required for access control.",
        "Set private-registry:images.nginx to an image with njs 0.8.7 or newer. Official images have it, except those "
        "whose tag ends in -slim. On Debian it is the package libnginx-mod-http-js.\n" + _RUN_AGAIN,
        works=_OLD_NGINX,
    ),
    Problem(
        "nginx-refuses",
        r"nginx refuses the new configuration",
        "nginx refuses the new configuration, the old one keeps serving: …",
        "The configured nginx image was tested with the new configuration and refused it.",
        "Read the error after the colon: nginx prints the file and the line. Versions older than 1.25.1 do not support "
        "`http2 on`.\n" + _RUN_AGAIN,
        works=_OLD_NGINX,
    ),
    Problem(
        "nginx-not-loaded",
        r"nginx did not load the new files",
        "rolled back: nginx did not load the new files, and the previous version is active again: …",
        "nginx accepted the new configuration or certificate in the test, but did not load it.",
        "Read the last log lines above, or run `docker logs NAME` on the server.\n" + _RUN_AGAIN,
        works=_OLD_NGINX,
    ),
)

SSH = (
    Problem(
        "name-unknown",
        _NO_PROOF + r"(no such host|Name or service not known|Name does not resolve|name resolution)",
        "build-1.example.com: [Errno -2] Name or service not known",
        "The control machine cannot resolve the name of the host.",
        "Check the name in private-registry:clients, or use an IP address.\n" + _RUN_AGAIN,
    ),
    Problem(
        "ssh-refused",
        _NO_PROOF + r"(connect: connection|Connection) refused",
        "10.0.0.7: Connection refused",
        "The host is up, but no SSH server listens on this port.",
        "Start the SSH server on the host, or set port in private-registry:clients.\n" + _RUN_AGAIN,
    ),
    Problem(
        "host-down",
        _NO_PROOF + r"(i/o timeout|no answer within|[nN]o route to host|Network is unreachable)",
        "10.0.0.7: no answer within 10 s",
        "The host does not answer. It is down, or a firewall discards the packets.",
        "If the host will come back: start it.\n"
        "If the host no longer exists: run `make forget CLIENT=HOST STACK=STACK`, which removes it from the state, and "
        "remove it from private-registry:clients.\n" + _RUN_AGAIN,
    ),
    Problem(
        "ssh-login",
        r"(ssh: unable to authenticate|Permission denied for user)",
        "10.0.0.7: Permission denied for user ops on host 10.0.0.7",
        "The host refuses the login.",
        "Check the user and the key in private-registry:clients. The public half of the key must be in that user's "
        "authorized_keys.\n"
        "If an SSH agent is used: `ssh-add -l` must list the key.\n" + _RUN_AGAIN,
    ),
    Problem(
        "ssh-dropped",
        r"(ssh: handshake failed: (EOF|read tcp .*(reset by peer|EOF))|Connection (lost|reset by peer))",
        "10.0.0.7: Connection reset by peer",
        "The SSH server of the host closed the connection. After failed logins it refuses a machine for a while, and "
        "it "
        "accepts a limited number of logins at once.",
        "Wait a minute.\n" + _RUN_AGAIN + "\n"
        "If it happens often: raise PerSourcePenalties and MaxStartups in the host's sshd_config.",
    ),
    Problem(
        "host-key",
        r"(host key mismatch|Host key is not trusted)",
        "10.0.0.7: Host key is not trusted for host 10.0.0.7",
        "The host showed a different host key than hostKey in private-registry:clients.",
        _NEW_HOST_KEY,
    ),
    Problem(
        "sudo-password",
        r"sudo: (a password is required|a terminal is required)",
        "sudo: a password is required",
        "The user must be able to use sudo without a password.",
        "Run `visudo` on the host and add: USER ALL=(ALL) NOPASSWD: ALL. Or connect to the host as root.\n"
        + _RUN_AGAIN,
    ),
    Problem(
        "sudo-tty",
        r"you must have a tty to run sudo",
        "sudo: sorry, you must have a tty to run sudo",
        "sudo on the host requires a terminal (requiretty). A command over SSH has none.",
        "Run `visudo` on the host and add: Defaults:USER !requiretty\n" + _RUN_AGAIN,
    ),
    Problem(
        "sudo-missing",
        r"sudo: (command )?not found",
        "sudo: not found",
        "The user is not root, and sudo is not installed on the host.",
        "Install sudo on the host, or connect to it as root.\n" + _RUN_AGAIN,
    ),
)

FILES = (
    Problem(
        "disk-full",
        r"No space left on device",
        "No space left on device",
        "The host's disk is full. The files of the last update are unchanged.",
        "Run `df -h` on the host to see which disk, and free some space.\n" + _RUN_AGAIN,
    ),
    Problem(
        "hosts-entry",
        r"the hosts entry can't be written",
        "the hosts entry can't be written to /etc/hosts: … Read-only file system",
        "The client's hosts file is read-only, immutable, or a read-only mount.",
        "Make the file writable, or add the registry's name to your DNS and remove hostsEntry from this client.\n"
        + _RUN_AGAIN,
    ),
    Problem(
        "read-only",
        r"Read-only file system",
        "Read-only file system",
        "The folder that the message names is read-only on this host.",
        "Mount it read-write on the host.\n"
        "If the OS is immutable: add the CA certificate to the OS image at the path that the message names "
        "(`pulumi stack output ca_certificate` prints it), and remove the host from private-registry:clients.\n"
        + _RUN_AGAIN,
    ),
    Problem(
        "foreign-file",
        r"exists with other content and was not written by this stack",
        "/etc/docker/certs.d/…/ca.crt exists with other content and was not written by this stack",
        "A CA certificate is there already, from someone else. The update does not overwrite it.",
        "Move the file to another folder, or remove it if it is not needed.\n" + _RUN_AGAIN,
    ),
)

TRUST = (
    Problem(
        "authority-needed",
        r"CA not removed: the certificate of \S+ is not signed",
        "CA not removed: the certificate of registry.example.com is not signed by any of the remaining CAs",
        "Without this CA the client would no longer trust the registry. The client keeps all its CAs.",
        "Set `private-registry:certificate.authorities` to what it was before.\n"
        "Rotate the CA in three updates (docs/rotate.md): add the new CA after the old one, move it to the first "
        "place, "
        "then remove the old one.",
    ),
    Problem(
        "authority-unsure",
        r"CA not removed: (curl is not installed|this client can't read)",
        "CA not removed: this client can't read the certificate of registry.example.com",
        "The client could not check whether it would still trust the registry. The client keeps all its CAs.",
        "Install curl on the client if it is missing.\n"
        "Run `curl https://registry.example.com/healthz` on the client, and fix the connection to the registry.\n"
        + _RUN_AGAIN,
    ),
    Problem(
        "store-unknown",
        r"has neither update-ca-certificates nor update-ca-trust",
        "this client has neither update-ca-certificates nor update-ca-trust, so its trust store is unknown",
        "The client has the runtime system, but no program that manages a trust store.",
        "Install the package ca-certificates on the client, or remove system from the client's runtimes.\n"
        + _RUN_AGAIN,
    ),
    Problem(
        "store-failed",
        r"update-ca-(certificates|trust) failed",
        "update-ca-certificates failed: …",
        "The client's own program could not update its trust store. The trust store is unchanged.",
        "Run the program on the client: its last lines show the reason, such as a full disk or a broken certificate "
        "file.\n" + _RUN_AGAIN,
    ),
    Problem(
        "login-refused",
        r"keeps the logins, so one|has a login to \S+(, and is read| as )|"
        r"password would be in it|could read the password",
        "/root/.docker/config.json has a login to registry.example.com as dev: log out there first, …",
        "The client has login in the settings, but the file for logins can't take it: it has a login that is not from "
        "this stack, a credential helper keeps the logins, or other users can read the file. The file is unchanged.",
        "Do on the client what the message says: `docker logout`, `podman logout`, or `chmod 600`.\n"
        "If a credential helper keeps the logins: log in by hand, and remove login of the client from the settings.\n"
        + _RUN_AGAIN,
    ),
)


_AT_ONE_SERVER = "Log in to the server, and run `docker ps --all`. If a container is not healthy: `docker logs NAME`.\n"
_THROUGH = r"through \S+: "
SERVERS = (
    Problem(
        "servers-stopped",
        r"the update stopped at server \S+ \(",
        "the update stopped at server b (2 of 3); done: 10.0.0.5; left as they were: c",
        "A change failed on this server, or a client could not push and pull through it. The servers after it are not "
        "changed, so that the fault does not get to them too.",
        "Read the errors above: the names of the resources contain the name of the server, except if it has none. Fix "
        "the cause.\n"
        + _GONE_FOR_GOOD
        + "Run the update again: it continues at this server. To go back instead: undo the change of settings first.",
        works="the servers that are done, with this update, and those that were left, as before. This server has "
        "the old configuration in all that failed; if nginx of it is down, clients use the others.",
    ),
    Problem(
        "servers-no-answer",
        _THROUGH + r"(TLS: \S*EOF|[^:]+: no answer)",
        "b: through 10.0.0.7: push: no answer (timed out)",
        "This client gets no answer from the server at the address that it has in private-registry:servers.",
        "Check `address` of the server, and `bindAddress`: clients use this address, at private-registry:httpsPort.\n"
        "On the client, run `curl -vk https://ADDRESS:PORT/healthz`. If it does not connect: check the firewalls.\n"
        + _AT_ONE_SERVER
        + _RUN_AGAIN,
    ),
    Problem(
        "servers-tls",
        _THROUGH + r"TLS: ",
        "b: through 10.0.0.7: TLS: CERTIFICATE_VERIFY_FAILED",
        "What answers at the address of this server has a certificate that clients do not trust, or no TLS. It may be "
        "another machine.",
        "On the client, run `openssl s_client -connect ADDRESS:PORT -servername DOMAIN </dev/null`: it shows whose "
        "certificate it is.\n"
        "If it is that of another machine: correct `address` of the server in private-registry:servers.\n"
        "If it is an old one of this registry: run `make drift STACK=STACK`, which compares the server's files.\n"
        + _RUN_AGAIN,
    ),
    Problem(
        "servers-wrong-answer",
        _THROUGH + r"([^:]+: HTTP status|pull: what comes|push: the answer)",
        "b: through 10.0.0.7: push: HTTP status 503 instead of 202",
        "The server answers this client, but not as the registry should. With 503 its registry is down, or cannot use "
        "the bucket. With 401 at `login` its users file has not the stack's own user. With 404 at `pull` it reads "
        "another bucket than it writes.",
        _AT_ONE_SERVER
        + "Run `make drift STACK=STACK`: it shows files that were changed by hand on this server.\n"
        + _RUN_AGAIN,
    ),
)

VERIFICATION = (
    Problem(
        "docker-proxy",
        r"Docker on this client uses a proxy for",
        "…; Docker on this client uses a proxy for registry.example.com (its No Proxy: none)",
        "The client's Docker daemon uses an HTTP proxy, and the proxy cannot reach the registry.",
        "Add the registry's name to no-proxy of proxies in /etc/docker/daemon.json, or to NO_PROXY of the Docker "
        "service.\n"
        "Restart Docker on the client.\n" + _RUN_AGAIN,
    ),
    Problem(
        "tool-missing",
        r"(curl|docker) is not installed on this client",
        "curl is not installed on this client",
        "The verification on a client needs its Docker and curl.",
        "Install it on the client. If the client has no Docker: set `runtimes: [system]` for it. If the verification "
        "is "
        "not wanted: set private-registry:verification to false.\n" + _RUN_AGAIN,
    ),
    Problem(
        "name-unresolved",
        r"Could not resolve host",
        "curl: (6) Could not resolve host: registry.example.com",
        "The client cannot resolve the registry's name.",
        "Add the name to your DNS, or set hostsEntry of the client to the server's address.\n" + _RUN_AGAIN,
    ),
    Problem(
        "server-unreachable",
        r"curl: .*(Failed to connect|Connection timed out|Could not connect to server)",
        "curl: (7) Failed to connect to registry.example.com port 443",
        "The client resolves the registry's name, but nothing answers there. The address is wrong, a firewall is in "
        "between, or the registry is down.",
        "Run `docker ps` on the server. If nginx is down, the next update starts it.\n"
        "If nginx is up: check hostsEntry or the DNS record, private-registry:bindAddress, and the firewalls.\n"
        + _RUN_AGAIN,
    ),
    Problem(
        "clock",
        r"certificate is not yet valid|certificate has expired",
        "curl: (60) SSL certificate problem: certificate is not yet valid",
        "The client's clock is wrong, or the server certificate has expired.",
        "Run `date -u` on the client and on the control machine.\n"
        "If they differ: set up NTP on the client.\n"
        "If they agree and source is provided: configure a new chain and key first.\n"
        "Run the update again: it renews a certificate that the stack signs.",
    ),
    Problem(
        "store-unread",
        r"failed at \"TLS with the system's trust store\": curl: \(60\)",
        'verification failed at "TLS with the system\'s trust store": curl: (60) SSL certificate problem: …',
        "The client's curl does not trust the CA in the system's trust store. It reads another store, or the CA was "
        "removed from it.",
        "Run `curl -v https://registry.example.com` on the client: the line CAfile shows the store that it reads.\n"
        "Run `make drift STACK=STACK`: it shows whether the CA is still in the client's store. "
        "`make drift STACK=STACK REPAIR=1` adds it again.\n" + _RUN_AGAIN,
    ),
    Problem(
        "trusted-anyway",
        r'failed at "TLS is refused without ca\.crt"',
        'verification failed at "TLS is refused without ca.crt"',
        "The client trusts the registry even without ca.crt: the CA is also in the system's trust store.",
        "Remove the CA from the trust store, or add system to the client's runtimes: then the stack manages it there. "
        "On "
        "Debian: remove the file in /usr/local/share/ca-certificates, and run `update-ca-certificates --fresh`.\n"
        "Only if the certificate is not signed by a CA of this stack, and the system of every client trusts its "
        "issuer: "
        "set `public: true` instead of `authority` or `authorityFile`.\n" + _RUN_AGAIN,
    ),
)

PULUMI = (
    Problem(
        "protected",
        r"marked for protection|because it is protected",
        "… as it is currently marked for protection",
        "private-registry:protect blocks this change. It would delete data that cannot be recreated: the images, the "
        "CA "
        "that signs, or the seed of the generated passwords.",
        "If you want to rotate the CA: use three updates (docs/rotate.md), and do not continue here.\n"
        "If you really want to delete the data: set private-registry:protect to false.\n"
        "Run `pulumi up`.\n"
        "Make the change, and run `pulumi up` again.",
        by_engine=True,
        works=_AS_BEFORE,
    ),
    Problem(
        "locked",
        r"the stack is currently locked by",
        "the stack is currently locked by 1 lock(s)",
        "Another update is running, or an update was killed and left its lock. Two updates at once destroy the state.",
        "Read in the message which machine and process hold the lock. Run `ps -p PID` on that machine.\n"
        "If the process is running: wait for it.\n"
        "Only if the process is gone: run `pulumi cancel`. It removes every lock, also that of a running update.\n"
        "Run `pulumi up --continue-on-error`. It completes the update that was killed.",
        by_engine=True,
        works="everything that ran before this update, except if nginx was just being replaced: then the registry is "
        "down until step 4.",
    ),
    Problem(
        "state-description",
        r"failed to load checkpoint: (unexpected )?EOF",
        "error: failed to load checkpoint: EOF",
        "An update was killed while it wrote the file that describes the state. The state itself is complete.",
        'Remove the descriptions, which are not needed: `find FOLDER/.pulumi -name "*.attrs" -delete`. FOLDER is the '
        "folder of the backend.\n"
        "Run `pulumi cancel`. It removes every lock, so no other update must be running.\n"
        "Run `pulumi up --continue-on-error`.\n"
        "To avoid the descriptions: add `?metadata=skip` to the folder in the backend's URL.",
        by_engine=True,
        works=_AS_BEFORE,
    ),
    Problem(
        "passphrase",
        r"incorrect passphrase",
        "incorrect passphrase",
        "The secrets in the stack's file are encrypted with another passphrase.",
        "Set PULUMI_CONFIG_PASSPHRASE or PULUMI_CONFIG_PASSPHRASE_FILE to the passphrase of this stack.\n" + _RUN_AGAIN,
        by_engine=True,
        works=_AS_BEFORE,
    ),
    Problem(
        "settings-too-long",
        r"(language executor|analyzer-policy).*argument list too long",
        "(could not run language executor): fork/exec …: argument list too long",
        "The settings in the stack's file are longer than 128 KiB. Pulumi gives all of them to the program in one "
        "variable of its environment, and Linux allows no longer one. Some hundred entries in private-registry:clients "
        "are enough for that.",
        "Move the list below `private-registry:clients` to a file of its own, such as `clients.yaml` beside the "
        "stack's file.\n"
        "In the stack's file, replace `private-registry:clients` by `private-registry:clientsFile: clients.yaml` "
        "(docs/clients.md).\n" + _RUN_AGAIN,
        by_engine=True,
        works=_AS_BEFORE,
    ),
)

_ONE_HOST = "The message starts with the name of the host. The update continues on all other hosts."

PHASES = (
    Phase("Pulumi stops the update", "Pulumi refuses it, and changes nothing.", PULUMI),
    Phase("Connecting to the server", "The update needs Docker on the server.", SERVER),
    Phase(
        "Images and containers on the server",
        "New images and configurations are tested before they replace anything.",
        CONTAINERS,
    ),
    Phase("nginx", "nginx tests new files before it loads them. Otherwise they are rolled back.", NGINX),
    Phase(
        "Several servers",
        "Each server changes after a client has proven the one before it. The message starts with the server.",
        SERVERS,
    ),
    Phase("Images in a bucket", "The bucket is tested before the registry uses it.", STORAGE),
    Phase("A certificate by ACME", "The server keeps the certificate that it has, and renews it.", ACME),
    Phase("Connecting to a host by SSH", _ONE_HOST, SSH),
    Phase("Files on a host", _ONE_HOST, FILES),
    Phase(
        "CA certificates on a client",
        "A client does not remove a CA that it needs. nginx keeps the current certificate until every client has the "
        "new CA.",
        TRUST,
    ),
    Phase(
        "Verification of a client",
        "The registry is running and the client has its CA certificate. What fails is the test from this client: TLS, "
        "login, push and pull.",
        VERIFICATION,
    ),
)

# What an ACME CA or a bucket answers comes from the server, which was reached: its words are looked up first.
PROBLEMS = (*ACME, *SERVERS, *SERVER, *CONTAINERS, *STORAGE, *NGINX, *SSH, *FILES, *TRUST, *VERIFICATION, *PULUMI)


def problem_of(text: str) -> Problem | None:
    """Return the kind of failure that an error message reports, or None for an unknown one."""
    return next((problem for problem in PROBLEMS if re.search(problem.pattern, text, re.DOTALL)), None)


def advice_of(error: str, works: str = "") -> str:
    """Return what to say of a failure: its cause, what still works, and what to do; or nothing where it is not known.

    Args:
        error: What was said.
        works: What still works, as far as the resource that failed says so.
    """
    problem = problem_of(error)
    return problem.advice(works) if problem else still_works(works)


_BEGIN, _END = "<!-- generated: begin -->\n", "<!-- generated: end -->\n"


def written(page: str) -> str:
    """Return the page with its generated part as it has to be."""
    head, _, rest = page.partition(_BEGIN)
    _, _, tail = rest.partition(_END)
    return f"{head}{_BEGIN}\n{_sections()}\n{_END}{tail}"


def _sections() -> str:
    parts = []
    for phase in PHASES:
        parts += [f"## {phase.title}\n", f"{phase.meaning}\n", *(problem.section() for problem in phase.problems)]
    return "\n".join(parts)


if __name__ == "__main__":
    file = Path(sys.argv[1])
    file.write_text(written(file.read_text()))
