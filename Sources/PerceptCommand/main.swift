print("percept")
