namespace EmbeddedMq.Tests.Architecture.MadeUp.Channels;

/// <summary>The forbidden goal of the made-up queues: Queues must not reach Channels.</summary>
internal class MadeUpChannel
{
    public const int Limit = 3;

    public static readonly int Tag = 7;

    public virtual void Close()
    {
    }
}
