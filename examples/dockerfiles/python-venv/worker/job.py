def run():
    print("done")
