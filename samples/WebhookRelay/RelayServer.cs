using EmbeddedMq;

namespace WebhookRelay;

/// <summary>The relay as a web application.</summary>
internal static class RelayServer
{
    public static WebApplication Create(string[] args)
    {
        WebApplicationBuilder builder = WebApplication.CreateSlimBuilder(args);
        builder.Logging.AddFilter("Microsoft.AspNetCore", LogLevel.Warning);
        builder.Services.AddOptions<RelayOptions>().BindConfiguration("Webhooks").ValidateDataAnnotations().ValidateOnStart();
        builder.Services.AddRelay(Overflow.RejectPublish);
        builder.Services.AddHealthChecks().AddEmbeddedMq();

        WebApplication application = builder.Build();
        application.MapPost("/webhooks", WebhookEndpoint.HandleAsync);
        application.MapGet("/summary", SummarizeAsync);
        application.MapHealthChecks("/healthz");
        return application;
    }

    /// <summary>What each queue holds and has handled.</summary>
    private static async Task<IResult> SummarizeAsync(IBroker broker, Tally tally, CancellationToken cancellationToken)
    {
        IReadOnlyDictionary<(string Event, string Queue), Tally.Cell> handled = tally.Snapshot();
        IReadOnlyList<QueueDescription> queues = await broker.Management.ListQueuesAsync(ConnectionOptions.DefaultVirtualHost, cancellationToken);
        return Results.Ok(queues.ToDictionary(queue => queue.Name, queue => new
        {
            Waiting = queue.ReadyCount,
            InHandlers = queue.UnackedCount,
            Handled = handled.Where(cell => cell.Key.Queue == queue.Name).ToDictionary(cell => cell.Key.Event, cell => cell.Value.Count),
        }));
    }
}
