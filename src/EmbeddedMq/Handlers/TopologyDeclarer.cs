using EmbeddedMq.Handlers.Configuration;

namespace EmbeddedMq.Handlers;

/// <summary>Declares a topology on a new connection.</summary>
internal static class TopologyDeclarer
{
    /// <summary>Creates the virtual host and sets the policies: what needs no connection to it.</summary>
    /// <param name="management">The broker's management.</param>
    /// <param name="plan">The topology.</param>
    /// <param name="cancellationToken">Stops the waiting.</param>
    internal static async ValueTask PrepareAsync(IBrokerManagement management, TopologyPlan plan, CancellationToken cancellationToken)
    {
        if (plan.VirtualHost != ConnectionOptions.DefaultVirtualHost)
        {
            await management.CreateVirtualHostAsync(plan.VirtualHost, cancellationToken).ConfigureAwait(false);
        }

        foreach (Policy policy in plan.Policies)
        {
            await management.SetPolicyAsync(plan.VirtualHost, policy, cancellationToken).ConfigureAwait(false);
        }
    }

    /// <summary>Declares exchanges, queues and bindings.</summary>
    /// <param name="connection">The connection; exclusive queues become its own.</param>
    /// <param name="plan">The topology.</param>
    /// <param name="cancellationToken">Stops the waiting; what was declared stays.</param>
    internal static async ValueTask DeclareAsync(IConnection connection, TopologyPlan plan, CancellationToken cancellationToken)
    {
        IChannel channel = await connection.OpenChannelAsync(cancellationToken: cancellationToken).ConfigureAwait(false);
        await using (channel.ConfigureAwait(false))
        {
            foreach (ExchangeDeclaration exchange in plan.Exchanges)
            {
                await channel.DeclareExchangeAsync(exchange, cancellationToken).ConfigureAwait(false);
            }

            foreach (QueueDeclaration queue in plan.Queues)
            {
                await channel.DeclareQueueAsync(queue, cancellationToken).ConfigureAwait(false);
            }

            foreach (PlannedBinding binding in plan.Bindings)
            {
                await BindAsync(channel, binding, cancellationToken).ConfigureAwait(false);
            }
        }

        foreach (QueueDeclaration queue in plan.QueuesIfMissing)
        {
            await DeclareIfMissingAsync(connection, queue, cancellationToken).ConfigureAwait(false);
        }
    }

    private static ValueTask BindAsync(IChannel channel, PlannedBinding binding, CancellationToken cancellationToken)
        => binding.Kind == DestinationKind.Queue
            ? channel.BindQueueAsync(binding.Destination, binding.Source, binding.RoutingKey, binding.Arguments, cancellationToken)
            : channel.BindExchangeAsync(binding.Destination, binding.Source, binding.RoutingKey, binding.Arguments, cancellationToken);

    // A declaration with other arguments than the existing queue's is an error, and the arguments of a dead-letter queue are its owner's affair.
    private static async ValueTask DeclareIfMissingAsync(IConnection connection, QueueDeclaration queue, CancellationToken cancellationToken)
    {
        IChannel channel = await connection.OpenChannelAsync(cancellationToken: cancellationToken).ConfigureAwait(false);
        await using (channel.ConfigureAwait(false))
        {
            try
            {
                await channel.DeclareQueuePassiveAsync(queue.Name, cancellationToken).ConfigureAwait(false);
                return;
            }
            catch (ChannelException error) when (error.ReplyCode == ReplyCode.NotFound)
            {
                // The error has closed the channel: the declaration below takes another.
            }
        }

        IChannel second = await connection.OpenChannelAsync(cancellationToken: cancellationToken).ConfigureAwait(false);
        await using (second.ConfigureAwait(false))
        {
            await second.DeclareQueueAsync(queue, cancellationToken).ConfigureAwait(false);
        }
    }
}
