using EmbeddedMq.Tests.Architecture.MadeUp.Errors;
using EmbeddedMq.Tests.Architecture.MadeUp.Queues;

namespace EmbeddedMq.Tests.Architecture.MadeUp.Channels;

/// <summary>Along the arrows: no violation.</summary>
internal sealed class ChannelUsesQueue(AllowedQueue queue) : MadeUpChannel
{
    public override void Close() => throw new MadeUpError(queue.ToString());
}
