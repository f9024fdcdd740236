"""What a bare machine lacks to run the stack: engine, plugins, Docker, images, and hosts to try it on."""
