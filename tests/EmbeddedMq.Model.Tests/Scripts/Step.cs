namespace EmbeddedMq.Model.Tests.Scripts;

/// <summary>One step of a script before it is carried out: what to do, and numbers from which <see cref="CommandChooser"/> picks the rest
/// (which channel, which queue, which delivery …) among what there is then. So a step makes sense whatever was removed before it by shrinking.</summary>
/// <param name="Kind">What to do.</param>
/// <param name="Where">Picks the channel, consumer or connection.</param>
/// <param name="What">Picks the queue, exchange or delivery.</param>
/// <param name="How">Picks the details; 0 is the plainest.</param>
internal readonly record struct Step(StepKind Kind, int Where, int What, int How);

/// <summary>What a step does.</summary>
internal enum StepKind
{
    Connect,
    CloseConnection,
    OpenChannel,
    CloseChannel,
    DeclareExchange,
    DeleteExchange,
    DeclareQueue,
    CheckQueue,
    DeleteQueue,
    Purge,
    Bind,
    Unbind,
    Publish,
    Get,
    Consume,
    Read,
    Cancel,
    DisposeConsumer,
    Ack,
    Nack,
    Reject,
    Recover,
    SetPrefetch,
    Advance,
    Mistake,
}
