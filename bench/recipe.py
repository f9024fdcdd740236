"""Configurations that stand for what a user would have instead."""

_HEAD = """
worker_processes auto;
pid /tmp/nginx.pid;
error_log stderr warn;
events { worker_connections 1024; }
http {
    access_log /dev/stdout;
    client_body_temp_path /tmp/body;
    proxy_temp_path /tmp/proxy;
    fastcgi_temp_path /tmp/fastcgi;
    uwsgi_temp_path /tmp/uwsgi;
    scgi_temp_path /tmp/scgi;
"""
_TLS = """
        listen 8443 ssl;
        http2 on;
        server_name registry.test;
        ssl_certificate /etc/private-registry/tls/current/server.crt;
        ssl_certificate_key /etc/private-registry/tls/current/server.key;
        ssl_protocols TLSv1.2 TLSv1.3;
        ssl_session_cache shared:tls:10m;
"""

RECIPE = (
    _HEAD
    + """
    upstream registry { server private-registry-bench-registry:5000; }
    server {"""
    + _TLS
    + """
        client_max_body_size 0;
        chunked_transfer_encoding on;
        location /v2/ {
            auth_basic "Registry realm";
            auth_basic_user_file /etc/private-registry/users/current/htpasswd;
            proxy_pass http://registry;
            proxy_set_header Host $http_host;
            proxy_set_header X-Real-IP $remote_addr;
            proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
            proxy_set_header X-Forwarded-Proto $scheme;
            proxy_read_timeout 900;
        }
    }
}
"""
)
"""What distribution's documentation advises for nginx (https://distribution.github.io/distribution/recipes/nginx/), in
our own words; all that it does not speak of is as nginx has it."""

STATIC = (
    _HEAD
    + """
    sendfile on;
    server {"""
    + _TLS
    + """
        root /etc/private-registry/file/current;
        location / {
            rewrite ^ /data break;
        }
        location /v2/bench/images/ {
            rewrite ^ /layer break;
        }
    }
}
"""
)
"""One file for every request, and a smaller one for a layer of an image: what nginx and TLS can do at most."""
