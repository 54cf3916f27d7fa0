"""What the integration tests share: where the build tree is, and how things are started."""
import os
from pathlib import Path

SOURCE = Path(__file__).resolve().parents[2]
BUILD = Path(os.environ.get('VIRTD_TEST_BUILD', SOURCE / 'build')).resolve()
DEVHOST_PROGRAM = str(BUILD / 'tools' / 'devhost-run')
