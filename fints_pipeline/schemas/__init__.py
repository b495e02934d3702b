"""One Pandera schema an artefact, one file each: what may cross the boundary between two stages."""
