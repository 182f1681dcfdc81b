from worker.job import run

run()
