using System.Text.Json.Serialization;

namespace EmbeddedMq.Aot.Tests;

internal sealed record OrderPlaced(int Id, string Region, decimal Total);

internal sealed record StatusRequest(int Id);

internal sealed record Status(int Id, string Text);

[JsonSerializable(typeof(OrderPlaced))]
[JsonSerializable(typeof(StatusRequest))]
[JsonSerializable(typeof(Status))]
internal sealed partial class AotJsonContext : JsonSerializerContext;

/// <summary>Where the handler leaves what it got.</summary>
internal sealed class Handled
{
    private readonly TaskCompletionSource<OrderPlaced> _order = new(TaskCreationOptions.RunContinuationsAsynchronously);

    public Task<OrderPlaced> Order => _order.Task;

    public void Set(OrderPlaced order) => _order.SetResult(order);
}

/// <summary>Fails at its first attempt.</summary>
internal sealed class BillingHandler(Handled handled) : IMessageHandler<OrderPlaced>
{
    public ValueTask HandleAsync(OrderPlaced message, IMessageContext context, CancellationToken cancellationToken)
    {
        if (context.Attempt == 1)
        {
            throw new TimeoutException();
        }

        handled.Set(message);
        return ValueTask.CompletedTask;
    }
}
