// Runs as a native executable, where the compiler has removed what nothing reaches: a step that leans on reflection fails here.
using EmbeddedMq;

Message message = Message.Text("hello");
var options = new BrokerOptions();
Check(message.GetText() == "hello", "a message keeps its text");
Check(options.GetType().Assembly.GetName().Name == "EmbeddedMq", "the broker's assembly is linked");

Console.WriteLine("The native smoke test passed.");

static void Check(bool holds, string expectation)
{
    if (!holds)
    {
        throw new InvalidOperationException($"Expected that {expectation}.");
    }

    Console.WriteLine($"  {expectation}");
}
