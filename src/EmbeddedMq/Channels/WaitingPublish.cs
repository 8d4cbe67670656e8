namespace EmbeddedMq.Channels;

/// <summary>A publish that waits until the broker has memory again.</summary>
internal sealed class WaitingPublish
{
    private readonly TaskCompletionSource<PublishResult> _completion = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly CancellationTokenRegistration _registration;
    private readonly Action _cancelled;

    /// <summary>Makes it.</summary>
    /// <param name="exchange">The exchange.</param>
    /// <param name="routingKey">The routing key.</param>
    /// <param name="message">The message.</param>
    /// <param name="flags">Whether it comes back when no queue takes it, and how safe it must be.</param>
    /// <param name="cancelled">Told when it is cancelled while it waits; it only notes it.</param>
    /// <param name="cancellationToken">Ends the waiting; the message is not published then, unless its turn has just come.</param>
    internal WaitingPublish(string exchange, string routingKey, Message message, PublishFlags flags, Action cancelled, CancellationToken cancellationToken)
    {
        _cancelled = cancelled;
        Exchange = exchange;
        RoutingKey = routingKey;
        Message = message;
        Flags = flags;
        CancellationToken = cancellationToken;
        _registration = cancellationToken.UnsafeRegister(static (state, token) => ((WaitingPublish)state!).Cancel(token), this);
    }

    /// <summary>The exchange.</summary>
    internal string Exchange { get; }

    /// <summary>The routing key.</summary>
    internal string RoutingKey { get; }

    /// <summary>The message.</summary>
    internal Message Message { get; }

    /// <summary>Whether it comes back when no queue takes it, and how safe it must be.</summary>
    internal PublishFlags Flags { get; }

    /// <summary>Ends the waiting.</summary>
    internal CancellationToken CancellationToken { get; }

    /// <summary>What the publisher awaits.</summary>
    internal Task<PublishResult> Completion => _completion.Task;

    /// <summary>Whether it was cancelled before its turn came.</summary>
    internal bool IsDone => _completion.Task.IsCompleted;

    /// <summary>Answers the publisher.</summary>
    /// <param name="result">The result.</param>
    internal void Complete(PublishResult result)
    {
        _registration.Dispose();
        _completion.TrySetResult(result);
    }

    /// <summary>Answers the publisher as soon as a further waiting has ended.</summary>
    /// <param name="task">That waiting.</param>
    internal void CompleteWith(Task<PublishResult> task)
    {
        _registration.Dispose();
        task.ContinueWith(
            static (done, state) => ((TaskCompletionSource<PublishResult>)state!).TrySetFromTask(done),
            _completion,
            CancellationToken.None,
            TaskContinuationOptions.ExecuteSynchronously,
            TaskScheduler.Default);
    }

    /// <summary>Fails the publisher's task.</summary>
    /// <param name="error">The error.</param>
    internal void Fail(EmbeddedMqException error)
    {
        _registration.Dispose();
        _completion.TrySetException(error);
    }

    private void Cancel(CancellationToken cancellationToken)
    {
        if (_completion.TrySetCanceled(cancellationToken))
        {
            _cancelled();
        }
    }
}
