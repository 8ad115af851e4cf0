"""`veriaidpo worker` on Faust's stock consumer, and nothing else changed: what the ledger must not let pass.

python -m tests.chaos.stock_worker worker OPTIONS
"""

from __future__ import annotations

from functools import partial
from unittest.mock import patch

from cli.commands import worker
from cli.main import main
from streams.worker import run_worker
from tests.support.stock_delivery import StockApp

if __name__ == "__main__":
    with patch.object(worker, "run_worker", partial(run_worker, app_class=StockApp)):
        main()
