namespace EmbeddedMq.LoadTests.Peers.Buses;

/// <summary>Where the answer to the one request that is outstanding is waited for.</summary>
public sealed class Answers
{
    private TaskCompletionSource _answered = new();

    /// <summary>The answer has come.</summary>
    public void Signal() => _answered.SetResult();

    /// <summary>To be called before the request is sent.</summary>
    /// <returns>Completes when the answer has come.</returns>
    internal Task Expect()
    {
        _answered = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        return _answered.Task;
    }
}
